import ApusBase
import ApusCheckpoints

/// A folder in Hugging Face layout: `config.json` beside safetensors or, where there are none, PyTorch's files.
enum HuggingFaceSource {
    static func open(_ folder: String) throws(InputError) -> ModelSource {
        let path = folder + "/config.json"
        guard fileExists(path) else {
            throw InputError(
                folder, fileExists(folder) ? "holds no config.json" : "does not exist",
                remedy: "give a .gguf file, a folder in Hugging Face layout, or fetch a model with `apus pull org/name`")
        }
        let json = try JSON(contentsOf: path, limit: 4 << 20)
        guard let object = json.object else { throw InputError(path, "is \(json.kind), not an object") }
        var config = ConfigReader(path: path, object)
        let modelType = try config.required(config.string("model_type"), "model_type")
        guard let family = Families.named(modelType) else {
            throw config.error("model_type", "\(modelType) is not supported", remedy: "supported are \(Families.modelTypes.joined(separator: ", "))")
        }
        let checkpoint = try Self.checkpoint(folder)
        config = ConfigReader(path: path, object, tensors: Set(checkpoint.entries.map(\.name)))
        let description = try family.description(of: &config)
        let ignored = try config.unknownKeys()
        return try ModelSource(
            path: folder, description: description, checkpoint: checkpoint, layout: family.layout(of: description),
            notes: ignored.map { "\(path): the key \($0) is not known and was ignored" })
    }

    private static func checkpoint(_ folder: String) throws(InputError) -> any Checkpoint {
        if SafetensorsCheckpoint.isFound(in: folder) { return try SafetensorsCheckpoint(path: folder) }
        if PyTorchCheckpoint.isFound(in: folder) { return try PyTorchCheckpoint(path: folder) }
        throw InputError(
            folder, "holds neither model.safetensors nor pytorch_model.bin, nor an index of either", remedy: "give the folder of a model")
    }
}
