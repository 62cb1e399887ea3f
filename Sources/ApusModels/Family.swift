import ApusBase
import ApusCheckpoints
import ApusDescription

/// What a family's files in Hugging Face layout mean: the two maps.
protocol Family {
    /// `model_type` of config.json.
    static var modelTypes: Set<String> { get }
    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription
    static func layout(of description: DecoderDescription) -> CheckpointLayout
    /// What training leaves out.
    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription
    /// What the family's encoders predict hidden tokens with; nil: it has none that do.
    static func maskedHead(of description: DecoderDescription) -> HeadDescription?
}

extension Family {
    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        DropoutDescription(attentionWeights: try config.rate("attention_dropout"))
    }
    static func maskedHead(of description: DecoderDescription) -> HeadDescription? { nil }
}

/// A family whose config.json can be written from a description alone, without its type and the ids of its tokens. What it cannot say need
/// not be checked: whoever writes reads the result again (`ModelConversion`).
protocol ConfiguredFamily: Family {
    /// - Throws: an `InputError` when the family's configuration has no words for the rotary scaling.
    static func config(of source: ModelSource) throws(InputError) -> JSONObject
}

/// The same of GGUF files.
protocol GGUFFamily: ConfiguredFamily {
    /// `general.architecture` of the files that this family reads.
    static var ggufArchitectures: Set<String> { get }
    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription
    /// What its files say of a description that is theirs: they may lack what the model is run without.
    static func ggufDescription(of description: DecoderDescription) -> DecoderDescription
    /// The architecture that a description's file is written as.
    static func ggufArchitecture(of description: DecoderDescription) -> String
    /// The layout of its files, queries, keys and values as llama.cpp's converter leaves them.
    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout
    /// The keys of the architecture beyond those that all have.
    static func ggufKeys(of description: DecoderDescription) -> [(String, GGUFValue)]
}

extension GGUFFamily {
    static func ggufDescription(of description: DecoderDescription) -> DecoderDescription { description }
    static func ggufKeys(of description: DecoderDescription) -> [(String, GGUFValue)] { [] }
}

/// The families that can be read.
package enum Families {
    static var all: [any Family.Type] {
        [
            Llama.self, GPT2.self, GPTNeoX.self, Bloom.self, Falcon.self, Gemma.self, GLM.self, ChatGLM.self, GPTJ.self, OPT.self, Phi3.self,
            StarCoder2.self, XGLM.self, Bert.self, T5.self,
        ]
    }

    static func named(_ modelType: String) -> (any Family.Type)? { all.first { $0.modelTypes.contains(modelType) } }

    static func gguf(_ architecture: String) -> (any GGUFFamily.Type)? {
        all.lazy.compactMap { $0 as? any GGUFFamily.Type }.first { $0.ggufArchitectures.contains(architecture) }
    }

    /// The family whose files a new model is written as.
    static func writing(_ description: DecoderDescription) throws(InputError) -> any Family.Type {
        guard let family = named(description.architecture) else {
            throw InputError(
                "the architecture", "\(description.architecture) is not one whose files can be written",
                remedy: "use one of \(modelTypes.joined(separator: ", "))")
        }
        if let parameter = family.layout(of: description).lacks(of: description) {
            throw InputError("the architecture", "files of \(description.architecture) have no place for \(parameter)", remedy: "use another")
        }
        return family
    }

    package static var modelTypes: [String] { all.flatMap { $0.modelTypes }.sorted() }
    static var ggufArchitectures: [String] { all.compactMap { $0 as? any GGUFFamily.Type }.flatMap { $0.ggufArchitectures }.sorted() }
}
