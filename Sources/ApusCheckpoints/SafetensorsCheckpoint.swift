import ApusBase
import ApusTensor

/// Tensors of a safetensors file, or of a folder with `model.safetensors` or a sharded index.
/// Format: github.com/huggingface/safetensors (8-byte length, JSON header, data without holes).
package final class SafetensorsCheckpoint: Checkpoint {
    package let path: String
    package let entries: [TensorEntry]
    private let files: [FileReader]
    private let byName: [String: Int]

    /// - Parameter path: a `.safetensors` file, or a folder.
    package init(path: String) throws(InputError) {
        self.path = path
        let index = try ShardIndex(path: path, .safetensors)
        var files: [FileReader] = []
        var entries: [TensorEntry] = []
        for (number, shard) in index.paths.enumerated() {
            let file = try FileReader(path: shard)
            entries += try SafetensorsHeader.read(file, index: number)
            files.append(file)
        }
        byName = try index.check(entries, files)
        self.files = files
        self.entries = entries
    }

    /// Whether a folder's weights are in this format.
    package static func isFound(in folder: String) -> Bool { ShardIndex.isFound(in: folder, .safetensors) }

    package func entry(_ name: String) -> TensorEntry? { byName[name].map { entries[$0] } }

    package func path(of entry: TensorEntry) -> String { files[entry.file].path }

    package func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError) {
        precondition(byteOffset >= 0 && byteOffset + buffer.count <= entry.byteCount)
        try files[entry.file].read(at: entry.offset + byteOffset, into: buffer)
    }
}
