import ApusBase
import ApusCheckpoints
import ApusDescription

/// ChatGLM2 and 3 are written as GLM-4's; there are no files of ChatGLM-6B.
extension ChatGLM: GGUFFamily {
    /// Read by `GLM`, whose configuration transformers knows.
    static let ggufArchitectures: Set<String> = []

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription { try GLM.description(of: &gguf) }

    static func ggufArchitecture(of description: DecoderDescription) -> String { "chatglm" }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout {
        CheckpointLayout.gguf(packsGate: description.layers[0].feedForward.kind == .gated).withQueryKeyValue(packed: true)
    }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0]
        guard let infilling = description.infilling, infilling.masks.count == 2 else { return try GLM.config(of: source) }
        return [
            "architectures": .array([.string("ChatGLMModel")]), "model_type": .string("chatglm"), "position_encoding_2d": .bool(true),
            "vocab_size": .integer(description.vocabularySize), "hidden_size": .integer(description.width),
            "num_layers": .integer(description.layers.count), "num_attention_heads": .integer(layer.attention.heads),
            "inner_hidden_size": .integer(layer.feedForward.width), "layernorm_epsilon": .decimal(description.norm.epsilon),
            "max_sequence_length": .integer(description.contextLength), "tie_word_embeddings": .bool(description.head!.tied),
            "bos_token_id": .integer(infilling.start), "gmask_token_id": .integer(infilling.masks[0]), "mask_token_id": .integer(infilling.masks[1]),
        ]
    }
}
