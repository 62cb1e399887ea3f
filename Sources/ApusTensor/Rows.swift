/// A matrix of f32 activations in a storage: `count` rows of `width` elements, `stride` elements apart.
public struct Rows: Sendable {
    package let storage: Storage
    /// Of the first element, in elements.
    package let offset: Int
    /// Rows.
    public let count: Int
    /// Elements of a row.
    public let width: Int
    package let stride: Int

    package init(_ storage: Storage, offset: Int = 0, count: Int, width: Int, stride: Int? = nil) {
        self.storage = storage
        self.offset = offset
        self.count = count
        self.width = width
        self.stride = stride ?? width
        precondition(count == 0 || offset + (count - 1) * self.stride + width <= storage.byteCount / 4, "rows lie outside their storage")
    }

    /// Columns `range` of every row.
    package func columns(_ range: Range<Int>) -> Rows {
        precondition(range.upperBound <= width)
        return Rows(storage, offset: offset + range.lowerBound, count: count, width: range.count, stride: stride)
    }

    /// Rows `range`.
    package func rows(_ range: Range<Int>) -> Rows {
        precondition(range.upperBound <= count)
        return Rows(storage, offset: offset + range.lowerBound * stride, count: range.count, width: width, stride: stride)
    }

    /// The elements of one row as rows of `width` elements, which must fill it.
    package func parts(of row: Int, width part: Int) -> Rows {
        precondition(row < count && width % part == 0)
        return Rows(storage, offset: offset + row * stride, count: width / part, width: part)
    }

    /// Whether both are the same elements.
    package func isSame(as other: Rows) -> Bool {
        storage === other.storage && offset == other.offset && count == other.count && width == other.width && stride == other.stride
    }

    /// The first element. The caller keeps the storage alive.
    package var start: UnsafeMutablePointer<Float> { storage.floats + offset }

    /// The elements of one row. The caller keeps the storage alive.
    public subscript(row: Int) -> UnsafeMutableBufferPointer<Float> {
        precondition(row >= 0 && row < count)
        return UnsafeMutableBufferPointer(start: start + row * stride, count: width)
    }
}
