import ApusBase
import ApusTensor

/// Tensors of a safetensors file, or of a folder with `model.safetensors` or a sharded index.
/// Format: github.com/huggingface/safetensors (8-byte length, JSON header, data without holes).
package final class SafetensorsCheckpoint: Checkpoint {
    package let path: String
    private let tensors: ShardedTensors

    /// - Parameter path: a `.safetensors` file, or a folder.
    package init(path: String) throws(InputError) {
        self.path = path
        tensors = try ShardedTensors(try ShardIndex(path: path, .safetensors)) { shard, index throws(InputError) in
            let file = try FileReader(path: shard)
            return (file, try SafetensorsHeader.read(file, index: index))
        }
    }

    /// Whether a folder's weights are in this format.
    package static func isFound(in folder: String) -> Bool { ShardIndex.isFound(in: folder, .safetensors) }

    package var entries: [TensorEntry] { tensors.entries }
    package func entry(_ name: String) -> TensorEntry? { tensors.entry(name) }
    package func path(of entry: TensorEntry) -> String { tensors.file(of: entry).path }

    package func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError) {
        precondition(byteOffset >= 0 && byteOffset + buffer.count <= entry.byteCount)
        try tensors.file(of: entry).read(at: entry.offset + byteOffset, into: buffer)
    }
}
