import ApusBase
import ApusCheckpoints
import ApusDescription

/// llama.cpp runs GLM-4 as chatglm, with ChatGLM2 and 3, which differ from it in nothing but their own files' layout.
extension GLM: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["chatglm", "glm4"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let isFirst = gguf.architecture == "chatglm"
        let width = try gguf.width(), context = try gguf.contextLength()
        let layer = LayerDescription(
            attention: try gguf.attention(width: width, outputBias: false),
            feedForward: FeedForwardDescription(width: try gguf.feedForwardLength()), topology: .sequential(isFirst ? .pre : .sandwich))
        if isFirst { try gguf.expectHeads(layer.attention, fill: width) }
        return DecoderDescription(
            architecture: isFirst ? "glm" : "glm4", vocabularySize: try gguf.vocabularySize(), width: width, contextLength: context,
            norm: try gguf.rmsNorm(), position: .rotary(try gguf.rotary(.interleaved, headSize: layer.attention.headSize, context: context)),
            layers: Array(repeating: layer, count: try gguf.layerCount()), head: HeadDescription(tied: !gguf.has("output.weight")))
    }

    static func ggufArchitecture(of description: DecoderDescription) -> String { description.architecture == "glm4" ? "glm4" : "chatglm" }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout { .gguf(packsGate: true) }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0], attention = layer.attention
        let name = description.architecture == "glm4" ? "Glm4ForCausalLM" : "GlmForCausalLM"
        var config: JSONObject = [
            "architectures": .array([.string(name)]), "model_type": .string(description.architecture),
            "vocab_size": .integer(description.vocabularySize), "hidden_size": .integer(description.width),
            "intermediate_size": .integer(layer.feedForward.width), "num_hidden_layers": .integer(description.layers.count),
            "num_attention_heads": .integer(attention.heads), "num_key_value_heads": .integer(attention.kvHeads),
            "head_dim": .integer(attention.headSize), "attention_bias": .bool(attention.inputBias), "hidden_act": .string("silu"),
            "max_position_embeddings": .integer(description.contextLength), "rms_norm_eps": .decimal(description.norm.epsilon),
            "tie_word_embeddings": .bool(description.head!.tied),
        ]
        if case .rotary(let rotary) = description.position {
            config["partial_rotary_factor"] = .number(RotaryConfig.fraction(rotary, headSize: attention.headSize))
        }
        try RotaryConfig.write(description, to: &config, subject: source.path)
        return config
    }
}
