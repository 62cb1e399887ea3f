import ApusBase
import ApusCheckpoints
import ApusDescription

/// llama.cpp sees past the window, and its converter writes none.
extension StarCoder2: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["starcoder2"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let width = try gguf.width(), context = try gguf.contextLength()
        var layer = try gguf.plainLayer(width: width)
        if let window = try gguf.int("attention.sliding_window") { layer.attention.mask = .window(window) }
        return DecoderDescription(
            architecture: "starcoder2", vocabularySize: try gguf.vocabularySize(), width: width, contextLength: context,
            norm: try gguf.layerNorm(), position: .rotary(try gguf.rotary(.halfSplit, headSize: layer.attention.headSize, context: context)),
            layers: Array(repeating: layer, count: try gguf.layerCount()), head: HeadDescription(tied: !gguf.has("output.weight")))
    }

    static func ggufArchitecture(of description: DecoderDescription) -> String { "starcoder2" }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout { .gguf() }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0], attention = layer.attention
        var config: JSONObject = [
            "architectures": .array([.string("Starcoder2ForCausalLM")]), "model_type": .string("starcoder2"),
            "vocab_size": .integer(description.vocabularySize), "hidden_size": .integer(description.width),
            "intermediate_size": .integer(layer.feedForward.width), "num_hidden_layers": .integer(description.layers.count),
            "num_attention_heads": .integer(attention.heads), "num_key_value_heads": .integer(attention.kvHeads),
            "hidden_act": .string("gelu_pytorch_tanh"), "use_bias": .bool(attention.inputBias),
            "max_position_embeddings": .integer(description.contextLength), "norm_epsilon": .decimal(description.norm.epsilon),
            "sliding_window": attention.window.map { .integer($0) } ?? .null, "tie_word_embeddings": .bool(description.head!.tied),
        ]
        try RotaryConfig.write(description, to: &config, subject: source.path)
        return config
    }
}
