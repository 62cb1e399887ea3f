import ApusBase

/// The files of a checkpoint: one, or those of a folder that a sharded index names.
struct ShardIndex {
    /// How a format names its files in a folder.
    struct Naming {
        /// The only file, where there is one; that of the index has ".index.json" behind it.
        let single: String
        let suffixes: [String]

        static let safetensors = Naming(single: "model.safetensors", suffixes: [".safetensors"])
        static let pytorch = Naming(single: "pytorch_model.bin", suffixes: [".bin", ".pth", ".pt"])

        func matches(_ name: String) -> Bool { suffixes.contains(where: name.hasSuffix) }
    }

    let paths: [String]
    /// Tensor name to file name, when there is an index.
    private let map: [(name: String, file: String)]?
    private let index: String

    static func isFound(in folder: String, _ naming: Naming) -> Bool {
        fileExists(folder + "/" + naming.single) || fileExists(folder + "/\(naming.single).index.json")
    }

    /// - Parameter path: a file of the format, or a folder.
    init(path: String, _ naming: Naming) throws(InputError) {
        let single = path + "/" + naming.single
        index = single + ".index.json"
        guard !naming.matches(path), !fileExists(single) else {
            paths = [naming.matches(path) ? path : single]
            map = nil
            return
        }
        guard fileExists(index) else {
            throw InputError(path, "holds neither \(naming.single) nor \(naming.single).index.json", remedy: "give the folder of a model")
        }
        let map = try Self.weightMap(index, naming)
        guard !map.isEmpty else { throw InputError(index, at: "weight_map", "an object of tensor names and file names is needed") }
        var seen: Set<String> = []
        paths = map.map(\.file).filter { seen.insert($0).inserted }.map { path + "/" + $0 }
        self.map = map
    }

    /// The members of the index's `weight_map`; whatever else it holds is passed over.
    private static func weightMap(_ index: String, _ naming: Naming) throws(InputError) -> [(name: String, file: String)] {
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
                        guard !name.contains("/"), naming.matches(name), name.utf8.count <= CheckpointLimits.nameByteCount else {
                            throw InputError(
                                index, at: "weight_map \(tensor.prefix(80))",
                                "\"\(name.prefix(80))\" is no name of a \(naming.suffixes[0]) file in this folder")
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

    /// Checks the files' tensors against the index and returns each one's number.
    func check(_ entries: [TensorEntry], _ files: [FileReader]) throws(InputError) -> [String: Int] {
        var numbers: [String: Int] = [:]
        for (number, entry) in entries.enumerated() {
            guard let other = numbers.updateValue(number, forKey: entry.name) else { continue }
            let isOwn = entries[other].file == entry.file
            throw InputError(files[entry.file].path, at: "tensor \(entry.name)", isOwn ? "occurs twice" : "another shard holds it too")
        }
        guard let map else { return numbers }
        for (name, file) in map {
            guard let number = numbers[name] else { throw InputError(index, at: "weight_map \(name)", "\(file) does not hold this tensor") }
            let place = files[entries[number].file].path
            guard place.hasSuffix("/" + file) else { throw InputError(index, at: "weight_map \(name)", "the tensor lies in \(place)") }
        }
        let mapped = Set(map.map(\.name))
        if let extra = entries.first(where: { !mapped.contains($0.name) }) {
            throw InputError(files[extra.file].path, at: "tensor \(extra.name)", "the index does not name it")
        }
        return numbers
    }
}
