import ApusBase
import ApusCheckpoints
import ApusDescription

extension Bloom: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["bloom"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let width = try gguf.width()
        let layer = try gguf.plainLayer(width: width)
        return DecoderDescription(
            architecture: "bloom", vocabularySize: try gguf.vocabularySize(), width: width, contextLength: try gguf.contextLength(),
            norm: try gguf.layerNorm(), position: .alibi(.afterScaling), embedding: EmbeddingDescription(norm: true),
            layers: Array(repeating: layer, count: try gguf.layerCount()), head: HeadDescription(tied: !gguf.has("output.weight")))
    }

    static func ggufArchitecture(of description: DecoderDescription) -> String { "bloom" }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout { .gguf().withQueryKeyValue(packed: true) }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0]
        return [
            "architectures": .array([.string("BloomForCausalLM")]), "model_type": .string("bloom"),
            "vocab_size": .integer(description.vocabularySize), "hidden_size": .integer(description.width),
            "n_layer": .integer(description.layers.count), "n_head": .integer(layer.attention.heads),
            "seq_length": .integer(description.contextLength), "layer_norm_epsilon": .decimal(description.norm.epsilon),
            "apply_residual_connection_post_layernorm": .bool(false), "tie_word_embeddings": .bool(description.head!.tied),
        ]
    }
}
