import ApusBase
import ApusTensor

/// Tensors of state dicts that `torch.save` wrote as zip files (PyTorch 1.6 and later): one file, or a folder with
/// `pytorch_model.bin` or a sharded index. Nothing in them is run: `PickleReader` tells what is read.
///
/// Checksums are verified of the pickle alone: those of the weights would take a reading of the whole file before the first is used, and
/// neither PyTorch, safetensors nor GGUF have such a check.
package final class PyTorchCheckpoint: Checkpoint {
    package let path: String
    private let tensors: ShardedTensors
    /// Of the tensors whose elements do not lie one after the other.
    private let strides: [String: [Int]]

    /// - Parameter path: a `.bin`, `.pth` or `.pt` file, or a folder.
    package init(path: String) throws(InputError) {
        self.path = path
        var strides: [String: [Int]] = [:]
        tensors = try ShardedTensors(try ShardIndex(path: path, .pytorch)) { shard, index throws(InputError) in
            let file = try PyTorchFile(path: shard, index: index)
            strides.merge(file.strides) { first, _ in first }
            return (file.file, file.entries)
        }
        self.strides = strides
    }

    /// Whether a folder's weights are in this format.
    package static func isFound(in folder: String) -> Bool { ShardIndex.isFound(in: folder, .pytorch) }

    package var entries: [TensorEntry] { tensors.entries }
    package func entry(_ name: String) -> TensorEntry? { tensors.entry(name) }
    package func path(of entry: TensorEntry) -> String { tensors.file(of: entry).path }

    package func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError) {
        precondition(byteOffset >= 0 && byteOffset + buffer.count <= entry.byteCount)
        guard let strides = strides[entry.name] else { return try tensors.file(of: entry).read(at: entry.offset + byteOffset, into: buffer) }
        try gather(entry, strides, from: byteOffset, into: buffer)
    }

    /// Reads elements where they lie, those that lie together at once.
    private func gather(
        _ entry: TensorEntry, _ strides: [Int], from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(InputError) {
        let size = entry.dtype.blockByteCount, row = entry.shape.last!, step = strides.last!
        precondition(byteOffset % size == 0 && buffer.count % size == 0)
        var index = byteOffset / size, done = 0
        while done < buffer.count {
            var rest = index / row, place = index % row * step
            for dimension in entry.shape.indices.dropLast().reversed() {
                place += rest % entry.shape[dimension] * strides[dimension]
                rest /= entry.shape[dimension]
            }
            let count = step == 1 ? min(row - index % row, (buffer.count - done) / size) : 1
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + count * size])
            try tensors.file(of: entry).read(at: entry.offset + place * size, into: part)
            index += count
            done += count * size
        }
    }
}
