/// Rows that a forward pass leaves for the backward pass, `[count, width]` of f32, bf16 or f16.
package struct KeptRows: Sendable {
    package let storage: Storage
    /// Of the first element, in elements.
    package let offset: Int
    package let dtype: DType
    package let count: Int
    package let width: Int
    /// Elements from row to row.
    package let stride: Int

    package init(_ storage: Storage, offset: Int = 0, dtype: DType, count: Int, width: Int, stride: Int? = nil) {
        self.storage = storage
        self.offset = offset
        self.dtype = dtype
        self.count = count
        self.width = width
        self.stride = stride ?? width
        precondition(count == 0 || (offset + (count - 1) * self.stride + width) * (dtype == .f32 ? 4 : 2) <= storage.byteCount)
    }

    /// Columns `range` of every row.
    package func columns(_ range: Range<Int>) -> KeptRows {
        KeptRows(storage, offset: offset + range.lowerBound, dtype: dtype, count: count, width: range.count, stride: stride)
    }

    /// Rows `range`.
    package func rows(_ range: Range<Int>) -> KeptRows {
        KeptRows(storage, offset: offset + range.lowerBound * stride, dtype: dtype, count: range.count, width: width, stride: stride)
    }
}
