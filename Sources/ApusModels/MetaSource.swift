import ApusBase
import ApusCheckpoints
import ApusDescription

/// A folder as Meta publishes LLaMA: `params.json` and `consolidated.00.pth`, `consolidated.01.pth` …, a file for each rank of tensor
/// parallelism.
enum MetaSource {
    static func isFound(in folder: String) -> Bool { fileExists(folder + "/params.json") && !parts(of: folder).isEmpty }

    private static func parts(of folder: String) -> [String] {
        fileNames(inFolder: folder).filter { $0.hasPrefix("consolidated.") && $0.hasSuffix(".pth") }.sorted()
    }

    static func open(_ folder: String) throws(InputError) -> ModelSource {
        let path = folder + "/params.json"
        let json = try JSON(contentsOf: path, limit: 4 << 20)
        guard let object = json.object else { throw InputError(path, "is \(json.kind), not an object") }
        var config = ConfigReader(path: path, object)
        let width = try config.requiredInt("dim")
        let names = try checkedParts(of: folder), checkpoint = try joined(names, in: folder, width: width)
        let description = try Llama.description(ofMeta: &config, checkpoint)
        try checkAllParts(checkpoint, count: names.count, description)
        let ignored = try config.unknownKeys()
        return try ModelSource(
            path: folder, description: description, checkpoint: checkpoint, layout: Llama.metaLayout,
            notes: ignored.map { "\(path): the key \($0) is not known and was ignored" })
    }

    /// - Throws: an `InputError` unless the files are numbered from 00 on.
    private static func checkedParts(of folder: String) throws(InputError) -> [String] {
        let parts = parts(of: folder)
        for (rank, part) in parts.enumerated() {
            let expected = "consolidated.\(rank < 10 ? "0" : "")\(rank).pth"
            guard part == expected else {
                throw InputError(folder, "holds \(part), but \(expected) is missing: parts are numbered from 00 on", remedy: "fetch all parts of the model")
            }
        }
        return parts
    }

    /// - Throws: an `InputError` when the parts hold a fraction of the query heads.
    private static func checkAllParts(_ checkpoint: any Checkpoint, count: Int, _ description: DecoderDescription) throws(InputError) {
        let attention = description.layers[0].attention, rows = attention.heads * attention.headSize
        guard let query = checkpoint.entry("layers.0.attention.wq.weight"), let found = query.shape.first, found > 0, found < rows,
            rows * count % found == 0
        else { return }
        throw InputError(
            checkpoint.path, at: "tensor \(query.name)", "has \(found) of \(rows) rows: \(count) of \(rows * count / found) parts of the model are here",
            remedy: "fetch all parts of the model")
    }

    private static func joined(_ names: [String], in folder: String, width: Int) throws(InputError) -> any Checkpoint {
        var parts: [PyTorchCheckpoint] = []
        for name in names { parts.append(try PyTorchCheckpoint(path: folder + "/" + name)) }
        guard parts.count > 1 else { return parts[0] }
        return try ModelParallelCheckpoint(path: folder, parts: parts) { Llama.metaDivision(of: $0, shape: $1, width: width) }
    }
}
