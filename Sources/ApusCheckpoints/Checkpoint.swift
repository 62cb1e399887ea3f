import ApusBase
import ApusTensor

/// One tensor of a checkpoint: its name, type, shape and place.
package struct TensorEntry: Sendable, Equatable {
    package let name: String
    package let dtype: DType
    /// Outermost dimension first, row-major: a linear weight is `[outputs, inputs]` (GGUF's `ne` reversed).
    package let shape: [Int]
    package let byteCount: Int
    /// The file that holds it (an index into the checkpoint's files) and the offset of its first byte there.
    let file: Int
    let offset: Int

    /// A tensor in memory.
    package init(name: String, dtype: DType, shape: [Int], byteCount: Int, offset: Int) {
        self.init(name: name, dtype: dtype, shape: shape, byteCount: byteCount, file: 0, offset: offset)
    }

    init(name: String, dtype: DType, shape: [Int], byteCount: Int, file: Int, offset: Int) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.byteCount = byteCount
        self.file = file
        self.offset = offset
    }

    package var elementCount: Int { shape.reduce(1, *) }
}

/// A file, or several that belong together, of named tensors.
package protocol Checkpoint: Sendable {
    /// What the user gave: a file or a folder.
    var path: String { get }
    /// In file order; names are unique.
    var entries: [TensorEntry] { get }
    func entry(_ name: String) -> TensorEntry?
    /// The file that holds a tensor.
    func path(of entry: TensorEntry) -> String
    /// Reads `buffer.count` bytes of a tensor from `byteOffset` on.
    func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError)
}

extension Checkpoint {
    /// Whether a tensor has the type, the shape and the bytes of another one, which may be of another checkpoint.
    package func holds(_ entry: TensorEntry, as other: TensorEntry, in checkpoint: any Checkpoint) throws(InputError) -> Bool {
        guard entry.shape == other.shape, entry.dtype == other.dtype else { return false }
        let step = 1 << 20, buffers = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * step, alignment: 64)
        defer { buffers.deallocate() }
        for offset in stride(from: 0, to: entry.byteCount, by: step) {
            let count = min(step, entry.byteCount - offset)
            let own = UnsafeMutableRawBufferPointer(rebasing: buffers[..<count]), theirs = UnsafeMutableRawBufferPointer(rebasing: buffers[step..<step + count])
            try read(entry, from: offset, into: own)
            try checkpoint.read(other, from: offset, into: theirs)
            guard own.elementsEqual(theirs) else { return false }
        }
        return true
    }
}

/// Bytes of a tensor of `shape` and `dtype`, or nil when rows do not fill whole blocks or a product overflows.
func checkedByteCount(_ shape: [Int], _ dtype: DType) -> Int? {
    guard let count = checkedProduct(shape), (shape.last ?? 1) % dtype.blockSize == 0 else { return nil }
    return dtype.byteCount(elements: count)
}

/// Elements of a shape, or nil when a dimension is negative or the product overflows.
func checkedProduct(_ shape: [Int]) -> Int? {
    var count = 1
    for dimension in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
        guard dimension >= 0, !overflow else { return nil }
        count = product
    }
    return count
}
