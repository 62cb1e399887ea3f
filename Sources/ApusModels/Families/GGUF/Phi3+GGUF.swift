import ApusBase
import ApusCheckpoints
import ApusDescription

extension Phi3: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["phi3"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let width = try gguf.width(), context = try gguf.contextLength()
        var attention = try gguf.attention(width: width, inputBias: false, outputBias: false)
        try gguf.expectHeads(attention, fill: width)
        // 0: none. (llama.cpp sees past the window.)
        if let window = try gguf.int("attention.sliding_window", in: 0...(1 << 31)), window > 0 { attention.mask = .window(window) }
        let layer = LayerDescription(attention: attention, feedForward: FeedForwardDescription(width: try gguf.feedForwardLength()))
        return DecoderDescription(
            architecture: "phi3", vocabularySize: try gguf.vocabularySize(), width: width, contextLength: context, norm: try gguf.rmsNorm(),
            position: .rotary(try gguf.rotary(.halfSplit, headSize: attention.headSize, context: context)),
            layers: Array(repeating: layer, count: try gguf.layerCount()), head: HeadDescription(tied: !gguf.has("output.weight")))
    }

    static func ggufArchitecture(of description: DecoderDescription) -> String { "phi3" }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout { .gguf(packsGate: true).withQueryKeyValue(packed: true) }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0], attention = layer.attention
        var config: JSONObject = [
            "architectures": .array([.string("Phi3ForCausalLM")]), "model_type": .string("phi3"),
            "vocab_size": .integer(description.vocabularySize), "hidden_size": .integer(description.width),
            "intermediate_size": .integer(layer.feedForward.width), "num_hidden_layers": .integer(description.layers.count),
            "num_attention_heads": .integer(attention.heads), "num_key_value_heads": .integer(attention.kvHeads),
            "hidden_act": .string("silu"), "max_position_embeddings": .integer(description.contextLength),
            "original_max_position_embeddings": .integer(description.contextLength),
            "sliding_window": attention.window.map { .integer($0) } ?? .null, "rms_norm_eps": .decimal(description.norm.epsilon),
            "tie_word_embeddings": .bool(description.head!.tied),
        ]
        if case .rotary(let rotary) = description.position {
            config["partial_rotary_factor"] = .number(RotaryConfig.fraction(rotary, headSize: attention.headSize))
        }
        try RotaryConfig.write(description, to: &config, subject: source.path)
        return config
    }
}
