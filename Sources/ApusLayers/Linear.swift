import ApusTensor

/// y = x · Wᵀ (+ b); W is `[outputs, inputs]`.
package final class Linear: Sendable {
    package let matrix: PackedMatrix
    /// f32 `[outputs]`.
    package let bias: Storage?

    package init(_ matrix: PackedMatrix, bias: Storage? = nil) {
        self.matrix = matrix
        self.bias = bias
    }

    package var outputs: Int { matrix.rows }
    package var inputs: Int { matrix.columns }

    /// This layer's part of a call of `Backend.linear`.
    package func product(into out: Rows, adds: Bool = false) -> Product { Product(matrix, bias: bias, out: out, adds: adds) }
}
