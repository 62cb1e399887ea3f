import ApusBase
import ApusCheckpoints
import ApusDescription

/// What a family's files in Hugging Face layout mean: the two maps.
protocol Family {
    /// `model_type` of config.json.
    static var modelTypes: Set<String> { get }
    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription
    static func layout(of description: DecoderDescription) -> CheckpointLayout
}

/// The same of GGUF files, and both configurations from a description.
protocol GGUFFamily: Family {
    /// `general.architecture`.
    static var ggufArchitectures: Set<String> { get }
    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription
    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout
    /// The metadata of a folder's model as llama.cpp's converter writes it; the tokenizer and the file's type apart.
    /// - Throws: an `InputError` when GGUF has no keys for an axis of the description.
    static func ggufMetadata(of source: ModelSource) throws(InputError) -> GGUFMetadata
    /// The config.json of a GGUF file's model, without its type.
    /// - Throws: an `InputError` when the family's configuration has no words for an axis of the description.
    static func config(of source: ModelSource) throws(InputError) -> JSONObject
}

/// The families that can be read.
enum Families {
    static var all: [any Family.Type] {
        [
            Llama.self, GPT2.self, GPTNeoX.self, Bloom.self, Falcon.self, Gemma.self, GLM.self, ChatGLM.self, GPTJ.self, OPT.self, Phi3.self,
        ]
    }

    static func named(_ modelType: String) -> (any Family.Type)? { all.first { $0.modelTypes.contains(modelType) } }

    static func gguf(_ architecture: String) -> (any GGUFFamily.Type)? {
        all.lazy.compactMap { $0 as? any GGUFFamily.Type }.first { $0.ggufArchitectures.contains(architecture) }
    }

    static var modelTypes: [String] { all.flatMap { $0.modelTypes }.sorted() }
    static var ggufArchitectures: [String] { all.compactMap { $0 as? any GGUFFamily.Type }.flatMap { $0.ggufArchitectures }.sorted() }
}
