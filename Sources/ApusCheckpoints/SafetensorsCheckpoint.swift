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
        let shards = try Self.shards(of: path)
        var files: [FileReader] = []
        var entries: [TensorEntry] = []
        var byName: [String: Int] = [:]
        for (index, shard) in shards.paths.enumerated() {
            let file = try FileReader(path: shard)
            for entry in try SafetensorsHeader.read(file, index: index) {
                guard byName.updateValue(entries.count, forKey: entry.name) == nil else {
                    throw InputError(shard, at: "tensor \(entry.name)", "another shard holds it too")
                }
                entries.append(entry)
            }
            files.append(file)
        }
        if let map = shards.map { try Self.check(map, entries, files, index: shards.index) }
        self.files = files
        self.entries = entries
        self.byName = byName
    }

    package func entry(_ name: String) -> TensorEntry? { byName[name].map { entries[$0] } }

    package func path(of entry: TensorEntry) -> String { files[entry.file].path }

    package func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError) {
        precondition(byteOffset >= 0 && byteOffset + buffer.count <= entry.byteCount)
        try files[entry.file].read(at: entry.offset + byteOffset, into: buffer)
    }

    // MARK: Shards

    private struct Shards {
        var paths: [String]
        /// Tensor name to file name, when there is an index.
        var map: [(name: String, file: String)]?
        var index = ""
    }

    private static func shards(of path: String) throws(InputError) -> Shards {
        if path.hasSuffix(".safetensors") { return Shards(paths: [path]) }
        let single = path + "/model.safetensors", index = single + ".index.json"
        if fileExists(single) { return Shards(paths: [single]) }
        guard fileExists(index) else {
            throw InputError(path, "holds neither model.safetensors nor model.safetensors.index.json", remedy: "give the folder of a model")
        }
        let map = try weightMap(index)
        guard !map.isEmpty else { throw InputError(index, at: "weight_map", "an object of tensor names and file names is needed") }
        var seen: Set<String> = []
        let names = map.map(\.file).filter { seen.insert($0).inserted }
        return Shards(paths: names.map { path + "/" + $0 }, map: map, index: index)
    }

    /// The members of the index's `weight_map`; whatever else it holds is passed over.
    private static func weightMap(_ index: String) throws(InputError) -> [(name: String, file: String)] {
        let bytes = try FileReader.contents(of: index, limit: CheckpointLimits.indexByteCount)
        var map: [(name: String, file: String)] = []
        var failure: InputError?
        bytes.withUnsafeBytes { raw in
            do throws(InputError) {
                var reader = JSONReader(raw, subject: index)
                try reader.readObject { (key, reader) throws(InputError) in
                    guard key == "weight_map" else { return try reader.skipValue() }
                    try reader.readObject { (tensor, reader) throws(InputError) in
                        let isText = try reader.peek() == UInt8(ascii: "\"")
                        let name = isText ? try reader.readString() : ""
                        guard !name.contains("/"), name.hasSuffix(".safetensors"), name.utf8.count <= CheckpointLimits.nameByteCount else {
                            throw InputError(
                                index, at: "weight_map \(tensor.prefix(80))", "\"\(name.prefix(80))\" is no name of a safetensors file in this folder")
                        }
                        guard map.count < 2 * CheckpointLimits.tensors else {
                            throw InputError(index, at: "weight_map", "has more than \(2 * CheckpointLimits.tensors) tensors")
                        }
                        map.append((tensor, name))
                    }
                }
                try reader.finish()
            } catch { failure = error }
        }
        if let failure { throw failure }
        return map
    }

    private static func check(
        _ map: [(name: String, file: String)], _ entries: [TensorEntry], _ files: [FileReader], index: String
    ) throws(InputError) {
        let places = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, files[$0.file].path) })
        for (name, file) in map {
            guard let place = places[name] else { throw InputError(index, at: "weight_map \(name)", "\(file) does not hold this tensor") }
            guard place.hasSuffix("/" + file) else { throw InputError(index, at: "weight_map \(name)", "the tensor lies in \(place)") }
        }
        let mapped = Set(map.map(\.name))
        if let extra = entries.first(where: { !mapped.contains($0.name) }) {
            throw InputError(files[extra.file].path, at: "tensor \(extra.name)", "the index does not name it")
        }
    }
}
