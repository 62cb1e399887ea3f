import ApusBase
import ApusCheckpoints
import ApusDescription

extension GPT2: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["gpt2"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let width = try gguf.width()
        let layer = try gguf.plainLayer(width: width)
        return DecoderDescription(
            architecture: "gpt2", vocabularySize: try gguf.vocabularySize(), width: width, contextLength: try gguf.contextLength(),
            norm: try gguf.layerNorm(), position: .learned(offset: 0), layers: Array(repeating: layer, count: try gguf.layerCount()),
            head: HeadDescription(tied: !gguf.has("output.weight")))
    }

    static func ggufArchitecture(of description: DecoderDescription) -> String { "gpt2" }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout { .gguf().withQueryKeyValue(packed: true) }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0]
        return [
            "architectures": .array([.string("GPT2LMHeadModel")]), "model_type": .string("gpt2"),
            "vocab_size": .integer(description.vocabularySize), "n_positions": .integer(description.contextLength),
            "n_embd": .integer(description.width), "n_layer": .integer(description.layers.count), "n_head": .integer(layer.attention.heads),
            "n_inner": .integer(layer.feedForward.width), "activation_function": .string("gelu_new"),
            "layer_norm_epsilon": .decimal(description.norm.epsilon), "tie_word_embeddings": .bool(description.head!.tied),
        ]
    }
}
