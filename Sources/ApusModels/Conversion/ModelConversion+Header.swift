import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusLayers
import ApusTensor

/// What the new file says of the model. It is read again before anything is written, so that no axis of a description is lost.
extension ModelConversion {
    /// - Throws: an `InputError` when GGUF has no keys for an axis of the description.
    static func metadata(of source: ModelSource, _ transfers: [TensorTransfer]) throws(InputError) -> GGUFMetadata {
        if let gguf = source.gguf { return gguf }
        let family = try ggufFamily(of: source), description = family.ggufDescription(of: source.description)
        let architecture = family.ggufArchitecture(of: description)
        var metadata = GGUFMetadata(description, architecture: architecture, path: source.path)
        for (key, value) in family.ggufKeys(of: description) { metadata.set("\(architecture).\(key)", value) }
        if description.head == nil { try source.embeddingRecipe()?.write(to: &metadata, architecture: architecture) }
        var reader = GGUFReader(
            path: source.path, metadata, shapes: Dictionary(uniqueKeysWithValues: transfers.map { ($0.plan.name, $0.plan.shape) }),
            rotaryDivisors: rotaryDivisors(of: source), architecture: architecture)
        let written: DecoderDescription
        do throws(InputError) {
            written = try family.description(of: &reader)
        } catch {
            throw InputError(source.path, "GGUF files of \(architecture) cannot hold it: \(error.rule)", remedy: "convert to a folder")
        }
        try check(source, description, says: written, what: "GGUF files of \(architecture)", remedy: "convert to a folder")
        try reader.finish()
        return metadata
    }

    /// LLaMA 3's scaling, which GGUF stores as the tensor `rope_freqs.weight`.
    static func rotaryDivisors(of source: ModelSource) -> [Float]? {
        guard case .rotary(let rotary) = source.description.position else { return nil }
        switch rotary.scaling {
        case .llama3, .divisors: return RotaryTable.divisors(of: rotary)
        case .none, .linear, .dynamicNTK, .yarn: return nil
        }
    }

    /// The folder's own configuration with another type, or one made from the description.
    static func configuration(of source: ModelSource, _ type: DType, _ transfers: [TensorTransfer]) throws(InputError) -> JSONObject {
        let name = JSON.string(type == .f32 ? "float32" : type == .f16 ? "float16" : "bfloat16")
        if source.hasConfiguration {
            var config = try JSON(contentsOf: source.path + "/config.json").object!
            config[config["dtype"] != nil ? "dtype" : "torch_dtype"] = name
            return config
        }
        guard let family = Families.named(source.description.architecture) as? any ConfiguredFamily.Type else {
            throw InputError(
                source.path, "no configuration of \(source.description.architecture) is written without one to go by",
                remedy: "start from a folder that has a config.json")
        }
        var config = try family.config(of: source)
        config["torch_dtype"] = name
        for token in ["bos", "eos", "pad"] {
            let key = token == "pad" ? "tokenizer.ggml.padding_token_id" : "tokenizer.ggml.\(token)_token_id"
            if config["\(token)_token_id"] == nil { config["\(token)_token_id"] = try source.gguf?.int(key).map { .integer($0) } ?? .null }
        }
        var reader = ConfigReader(path: source.path, config, tensors: Set(transfers.map(\.plan.name)))
        let what = "the configuration of \(config["model_type"]?.string ?? "")", remedy = "convert to a .gguf file"
        let written: DecoderDescription
        do throws(InputError) {
            written = try family.description(of: &reader)
        } catch {
            throw InputError(source.path, "\(what) cannot hold it: \(error.location.map { $0 + " " } ?? "")\(error.rule)", remedy: remedy)
        }
        try check(source, source.description, says: written, what: what, remedy: remedy)
        return config
    }

    private static func check(
        _ source: ModelSource, _ description: DecoderDescription, says written: DecoderDescription, what: String, remedy: String
    ) throws(InputError) {
        let lost = description.differences(from: written)
        guard lost.isEmpty else {
            let some = lost.prefix(4).joined(separator: ", ") + (lost.count > 4 ? " and more" : "")
            throw InputError(source.path, "\(what) cannot say \(some)", remedy: remedy)
        }
    }
}

extension JSON {
    /// A number with as many digits as f32 has.
    static func decimal(_ value: Float) -> JSON { .number(Double("\(value)")!) }
}
