import ApusBase
import ApusTensor

/// Writes tensors of plain types as one safetensors file, or as a folder's shards with their index.
package final class SafetensorsWriter: CheckpointWriter {
    /// Wider elements first, so that each lies at a multiple of its size.
    package let tensors: [TensorPlan]
    private let shards: [Shard]
    private let index: (path: String, text: String)?
    private let metadata: JSONObject
    /// Of the shards reached so far.
    private var files: [AtomicFile] = []
    private var cursor: TensorCursor
    private let isChecksummed: Bool

    private struct Shard {
        let path: String
        let tensors: Range<Int>
    }

    /// The checksum of each file of tensors; none unless asked for.
    package var checksums: [(path: String, checksum: CRC32C)] { files.compactMap { file in file.checksum.map { (file.path, $0) } } }

    package var byteCount: Int { files.reduce(index?.text.utf8.count ?? 0) { $0 + $1.byteCount } }

    /// - Parameters:
    ///   - path: a `.safetensors` file; or a folder, for `model.safetensors` in it, and beyond a size for shards with an index.
    ///   - metadata: strings for `__metadata__`.
    ///   - shardByteCount: bytes of tensors in a shard at most; a tensor is never split.
    ///   - checksummed: have `checksums` of what is written.
    /// - Throws: an `InputError` when a tensor's type is none of the format's, or the file cannot be written.
    package init(
        path: String, tensors: [TensorPlan], metadata: [(key: String, value: String)] = [], shardByteCount: Int = 5_000_000_000,
        checksummed: Bool = false
    ) throws(InputError) {
        for tensor in tensors where SafetensorsHeader.name(of: tensor.dtype) == nil {
            throw InputError(path, at: "tensor \(tensor.name)", "safetensors files cannot hold \(tensor.dtype)")
        }
        let ordered = tensors.enumerated().sorted {
            ($1.element.dtype.blockByteCount, $0.offset) < ($0.element.dtype.blockByteCount, $1.offset)
        }.map(\.element)
        self.tensors = ordered
        self.metadata = metadata.reduce(into: JSONObject()) { $0[$1.key] = .string($1.value) }
        cursor = TensorCursor(ordered)
        isChecksummed = checksummed
        if path.hasSuffix(".safetensors") {
            (shards, index) = ([Shard(path: path, tensors: 0..<ordered.count)], nil)
        } else {
            (shards, index) = Self.divided(ordered, folder: path, limit: shardByteCount)
        }
        try openReachedShards()
        closeTensors()
        try openReachedShards()
    }

    package func append(_ bytes: UnsafeRawBufferPointer) throws(InputError) {
        cursor.take(bytes.count)
        try files[files.count - 1].write(bytes)
        closeTensors()
        try openReachedShards()
    }

    package func finish() throws(InputError) {
        precondition(cursor.isAtEnd, "tensors are missing")
        for file in files { try file.commit() }
        guard let index else { return }
        let file = try AtomicFile(path: index.path)
        try file.write(Array(index.text.utf8))
        try file.commit()
    }

    private func closeTensors() { while cursor.stepIfComplete() {} }

    /// Starts each shard up to that of the current tensor.
    private func openReachedShards() throws(InputError) {
        while files.count < shards.count, shards[files.count].tensors.lowerBound <= cursor.index {
            let shard = shards[files.count]
            let file = try AtomicFile(path: shard.path, checksummed: isChecksummed)
            try file.write(SafetensorsHeader.bytes(Array(tensors[shard.tensors]), metadata: metadata))
            files.append(file)
        }
    }

    private static func divided(
        _ tensors: [TensorPlan], folder: String, limit: Int
    ) -> (shards: [Shard], index: (path: String, text: String)?) {
        var starts = [0]
        var size = 0
        for (position, tensor) in tensors.enumerated() {
            if size > 0, tensor.byteCount > 0, size + tensor.byteCount > limit {
                starts.append(position)
                size = 0
            }
            size += tensor.byteCount
        }
        let ranges = zip(starts, starts.dropFirst() + [tensors.count]).map { $0..<$1 }
        guard ranges.count > 1 else { return ([Shard(path: folder + "/model.safetensors", tensors: 0..<tensors.count)], nil) }
        func digits(_ number: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, 5 - text.count)) + text
        }
        var map = JSONObject()
        var shards: [Shard] = []
        for (number, range) in ranges.enumerated() {
            let name = "model-\(digits(number + 1))-of-\(digits(ranges.count)).safetensors"
            shards.append(Shard(path: folder + "/" + name, tensors: range))
            for tensor in tensors[range] { map[tensor.name] = .string(name) }
        }
        let total = tensors.reduce(0) { $0 + $1.byteCount }
        let object: JSONObject = ["metadata": .object(["total_size": .integer(total)]), "weight_map": .object(map)]
        return (shards, (folder + "/model.safetensors.index.json", JSON.object(object).serialized(pretty: true)))
    }
}
