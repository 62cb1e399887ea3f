import ApusTensor

/// One tensor of a file that is about to be written.
package struct TensorPlan: Sendable, Equatable {
    package let name: String
    package let dtype: DType
    /// Outermost dimension first, row-major.
    package let shape: [Int]
    package let byteCount: Int

    /// Nil when rows do not fill whole blocks of the type, or the size overflows.
    package init?(_ name: String, _ dtype: DType, shape: [Int]) {
        guard let byteCount = checkedByteCount(shape, dtype) else { return nil }
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.byteCount = byteCount
    }
}
