import ApusBase
import ApusCheckpoints
import ApusDescription

/// The files have no key for the activation, which all published models share; llama.cpp computes GELU with tanh where they were trained
/// with the normal distribution.
extension GPTNeoX: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["gptneox"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let width = try gguf.width(), context = try gguf.contextLength(), isParallel = try gguf.bool("use_parallel_residual") ?? true
        let layer = LayerDescription(
            attention: try gguf.attention(width: width, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(width: try gguf.feedForwardLength(), kind: .plain, activation: .geluErf, bias: true),
            topology: isParallel ? .parallel(norms: .two) : .sequential(.pre))
        try gguf.expectHeads(layer.attention, fill: width)
        // llama.cpp needs a head of its own.
        return DecoderDescription(
            architecture: "gpt_neox", vocabularySize: try gguf.vocabularySize(), width: width, contextLength: context,
            norm: try gguf.layerNorm(), position: .rotary(try gguf.rotary(.halfSplit, headSize: layer.attention.headSize, context: context)),
            layers: Array(repeating: layer, count: try gguf.layerCount()), head: HeadDescription(tied: false))
    }

    static func ggufArchitecture(of description: DecoderDescription) -> String { "gptneox" }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout { .gguf().withQueryKeyValue(packed: true) }

    static func ggufKeys(of description: DecoderDescription) -> [(String, GGUFValue)] {
        [("use_parallel_residual", .bool(description.layers[0].topology == .parallel(norms: .two)))]
    }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0]
        var config: JSONObject = [
            "architectures": .array([.string("GPTNeoXForCausalLM")]), "model_type": .string("gpt_neox"),
            "vocab_size": .integer(description.vocabularySize), "hidden_size": .integer(description.width),
            "intermediate_size": .integer(layer.feedForward.width), "num_hidden_layers": .integer(description.layers.count),
            "num_attention_heads": .integer(layer.attention.heads), "max_position_embeddings": .integer(description.contextLength),
            "hidden_act": .string("gelu"), "attention_bias": .bool(layer.attention.inputBias),
            "use_parallel_residual": .bool(layer.topology == .parallel(norms: .two)), "layer_norm_eps": .decimal(description.norm.epsilon),
            "tie_word_embeddings": .bool(description.head!.tied),
        ]
        if case .rotary(let rotary) = description.position {
            config["rotary_pct"] = .number(RotaryConfig.fraction(rotary, headSize: layer.attention.headSize))
            config["rotary_emb_base"] = .number(rotary.base)
        }
        try RotaryConfig.write(description, to: &config, subject: source.path)
        return config
    }
}
