import ApusBase
import ApusCheckpoints
import ApusDescription

/// A folder as Meta publishes LLaMA: `params.json` and `consolidated.00.pth`.
enum MetaSource {
    static func isFound(in folder: String) -> Bool { fileExists(folder + "/params.json") && !parts(of: folder).isEmpty }

    private static func parts(of folder: String) -> [String] {
        fileNames(inFolder: folder).filter { $0.hasPrefix("consolidated.") && $0.hasSuffix(".pth") }.sorted()
    }

    static func open(_ folder: String) throws(InputError) -> ModelSource {
        let parts = parts(of: folder), path = folder + "/params.json"
        guard parts.count == 1 else {
            throw InputError(
                folder, "holds the model in \(parts.count) parallel parts, \(parts[0]) and others, which are not joined here",
                remedy: "fetch the model in Hugging Face layout")
        }
        let checkpoint = try PyTorchCheckpoint(path: folder + "/" + parts[0])
        let json = try JSON(contentsOf: path, limit: 4 << 20)
        guard let object = json.object else { throw InputError(path, "is \(json.kind), not an object") }
        var config = ConfigReader(path: path, object)
        let description = try Llama.description(ofMeta: &config, checkpoint)
        let ignored = try config.unknownKeys()
        return try ModelSource(
            path: folder, description: description, checkpoint: checkpoint, layout: Llama.metaLayout,
            notes: ignored.map { "\(path): the key \($0) is not known and was ignored" })
    }
}
