import ApusBase
import ApusTensor

/// Tensors of a safetensors file, or of a folder with `model.safetensors` or a sharded index.
/// Format: github.com/huggingface/safetensors (8-byte length, JSON header, data without holes).
public final class SafetensorsCheckpoint: Checkpoint {
    public let path: String
    public let entries: [TensorEntry]
    private let files: [FileReader]
    private let byName: [String: Int]

    /// - Parameter path: a `.safetensors` file, or a folder.
    public init(path: String) throws(InputError) {
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

    public func entry(_ name: String) -> TensorEntry? { byName[name].map { entries[$0] } }

    public func path(of entry: TensorEntry) -> String { files[entry.file].path }

    public func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError) {
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
        guard let weightMap = try JSON(contentsOf: index)["weight_map"]?.object, weightMap.count > 0 else {
            throw InputError(index, at: "weight_map", "an object of tensor names and file names is needed")
        }
        var names: [String] = []
        var map: [(name: String, file: String)] = []
        for (tensor, value) in weightMap.members {
            guard let name = value.string, !name.isEmpty, !name.contains("/"), name != "..", name.hasSuffix(".safetensors") else {
                throw InputError(index, at: "weight_map \(tensor)", "\(value.serialized()) is no name of a safetensors file in this folder")
            }
            if !names.contains(name) { names.append(name) }
            map.append((tensor, name))
        }
        return Shards(paths: names.map { path + "/" + $0 }, map: map, index: index)
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
