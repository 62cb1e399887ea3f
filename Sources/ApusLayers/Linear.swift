import ApusTensor

/// y = x · Wᵀ (+ b); W is `[outputs, inputs]`.
public final class Linear: Sendable {
    public let matrix: PackedMatrix
    /// f32 `[outputs]`.
    public let bias: Storage?

    public init(_ matrix: PackedMatrix, bias: Storage? = nil) {
        self.matrix = matrix
        self.bias = bias
    }

    public var outputs: Int { matrix.rows }
    public var inputs: Int { matrix.columns }

    /// This layer's part of a call of `Backend.linear`.
    public func product(into out: Rows, adds: Bool = false) -> Product { Product(matrix, bias: bias, out: out, adds: adds) }
}
