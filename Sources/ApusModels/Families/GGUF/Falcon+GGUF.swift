import ApusBase
import ApusCheckpoints
import ApusDescription

/// Falcon 7B and 40B; llama.cpp does not know RW. It computes GELU with tanh where the models were trained with the normal distribution.
extension Falcon: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["falcon"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let width = try gguf.width(), context = try gguf.contextLength()
        if let order = try gguf.string("tensor_data_layout"), order != "jploski" {
            throw gguf.error("tensor_data_layout", "\(order) is not known", remedy: "convert the model again")
        }
        let layer = LayerDescription(
            attention: try gguf.attention(width: width, inputBias: false, outputBias: false),
            feedForward: FeedForwardDescription(width: try gguf.feedForwardLength(), kind: .plain, activation: .geluErf),
            topology: .parallel(norms: gguf.has("blk.0.attn_norm_2.weight") ? .two : .one))
        try gguf.expectHeads(layer.attention, fill: width)
        return DecoderDescription(
            architecture: "falcon", vocabularySize: try gguf.vocabularySize(), width: width, contextLength: context,
            norm: try gguf.layerNorm(), position: .rotary(try gguf.rotary(.halfSplit, headSize: layer.attention.headSize, context: context)),
            layers: Array(repeating: layer, count: try gguf.layerCount()), head: HeadDescription(tied: !gguf.has("output.weight")))
    }

    static func ggufArchitecture(of description: DecoderDescription) -> String { "falcon" }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout {
        let hasTwo = description.layers[0].topology == .parallel(norms: .two)
        return .gguf(norms: hasTwo ? ("attn_norm_2", "attn_norm") : ("attn_norm", "ffn_norm")).withQueryKeyValue(packed: true)
    }

    /// The name of the order [Q, K, V].
    static func ggufKeys(of description: DecoderDescription) -> [(String, GGUFValue)] { [("tensor_data_layout", .string("jploski"))] }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0], attention = layer.attention
        let hasTwo = layer.topology == .parallel(norms: .two), isNew = hasTwo || attention.kvHeads > 1
        var config: JSONObject = [
            "architectures": .array([.string("FalconForCausalLM")]), "model_type": .string("falcon"),
            "vocab_size": .integer(description.vocabularySize), "hidden_size": .integer(description.width),
            "num_hidden_layers": .integer(description.layers.count), "num_attention_heads": .integer(attention.heads),
            "num_kv_heads": .integer(attention.kvHeads), "multi_query": .bool(true), "new_decoder_architecture": .bool(isNew),
            "parallel_attn": .bool(true), "num_ln_in_parallel_attn": isNew ? .integer(hasTwo ? 2 : 1) : .null,
            "ffn_hidden_size": .integer(layer.feedForward.width), "activation": .string("gelu"), "bias": .bool(attention.inputBias),
            "alibi": .bool(false), "max_position_embeddings": .integer(description.contextLength),
            "layer_norm_epsilon": .decimal(description.norm.epsilon), "tie_word_embeddings": .bool(description.head!.tied),
        ]
        try RotaryConfig.write(description, to: &config, subject: source.path)
        return config
    }
}
