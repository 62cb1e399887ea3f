import ApusTensor

/// One tensor of a file that is about to be written.
public struct TensorPlan: Sendable, Equatable {
    public let name: String
    public let dtype: DType
    /// Outermost dimension first, row-major.
    public let shape: [Int]
    public let byteCount: Int

    /// Nil when rows do not fill whole blocks of the type, or the size overflows.
    public init?(_ name: String, _ dtype: DType, shape: [Int]) {
        guard let byteCount = checkedByteCount(shape, dtype) else { return nil }
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.byteCount = byteCount
    }
}
