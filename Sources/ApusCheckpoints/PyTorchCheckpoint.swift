import ApusBase
import ApusTensor

/// Tensors of state dicts that `torch.save` wrote as zip files (PyTorch 1.6 and later): one file, or a folder with
/// `pytorch_model.bin` or a sharded index. Nothing in them is run: `PickleReader` tells what is read.
///
/// Checksums are verified of the pickle alone: those of the weights would take a reading of the whole file before the first is used, and
/// neither PyTorch, safetensors nor GGUF have such a check.
package final class PyTorchCheckpoint: Checkpoint {
    package let path: String
    package let entries: [TensorEntry]
    private let files: [FileReader]
    private let byName: [String: Int]
    /// Of the tensors whose elements do not lie one after the other.
    private let strides: [String: [Int]]

    /// - Parameter path: a `.bin`, `.pth` or `.pt` file, or a folder.
    package init(path: String) throws(InputError) {
        self.path = path
        let index = try ShardIndex(path: path, .pytorch)
        var files: [FileReader] = []
        var entries: [TensorEntry] = []
        var strides: [String: [Int]] = [:]
        for (number, shard) in index.paths.enumerated() {
            let file = try PyTorchFile(path: shard, index: number)
            files.append(file.file)
            entries += file.entries
            strides.merge(file.strides) { first, _ in first }
        }
        byName = try index.check(entries, files)
        self.files = files
        self.entries = entries
        self.strides = strides
    }

    /// Whether a folder's weights are in this format.
    package static func isFound(in folder: String) -> Bool { ShardIndex.isFound(in: folder, .pytorch) }

    package func entry(_ name: String) -> TensorEntry? { byName[name].map { entries[$0] } }

    package func path(of entry: TensorEntry) -> String { files[entry.file].path }

    package func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError) {
        precondition(byteOffset >= 0 && byteOffset + buffer.count <= entry.byteCount)
        guard let strides = strides[entry.name] else { return try files[entry.file].read(at: entry.offset + byteOffset, into: buffer) }
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
            try files[entry.file].read(at: entry.offset + place * size, into: part)
            index += count
            done += count * size
        }
    }
}
