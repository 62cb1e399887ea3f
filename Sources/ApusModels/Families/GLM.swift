import ApusBase
import ApusDescription

/// GLM-4 (GLM team 2024), and its later form with sandwich norms: half of each head turns, in adjacent pairs.
enum GLM: Family {
    static let modelTypes: Set<String> = ["glm", "glm4"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        let modelType = try config.required(config.string("model_type"), "model_type")
        let width = try config.requiredInt("hidden_size"), heads = try config.heads()
        let kvHeads = try config.int("num_key_value_heads", in: 1...65536) ?? 2
        guard heads % kvHeads == 0 else { throw config.error("num_key_value_heads", "\(heads) query heads cannot share \(kvHeads)") }
        let headSize = try config.int("head_dim", in: 2...65536) ?? 128, context = try config.int("max_position_embeddings") ?? 131072
        let fraction = try config.double("partial_rotary_factor") ?? 0.5
        var rotary = try RotaryConfig.read(&config, headSize: headSize, context: context, fraction: fraction)
        rotary.style = .interleaved
        let layer = LayerDescription(
            attention: AttentionDescription(
                heads: heads, kvHeads: kvHeads, headSize: headSize, inputBias: try config.bool("attention_bias") ?? true),
            feedForward: FeedForwardDescription(
                width: try config.requiredInt("intermediate_size"), activation: try config.activation("hidden_act", default: "silu")),
            topology: .sequential(modelType == "glm4" ? .sandwich : .pre))
        return DecoderDescription(
            architecture: modelType, vocabularySize: try config.requiredInt("vocab_size"), width: width, contextLength: context,
            norm: .rms(epsilon: try config.epsilon("rms_norm_eps", default: 1.5625e-7)), position: .rotary(rotary),
            layers: Array(repeating: layer, count: try config.layerCount()),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? false))
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        CheckpointLayout(
            outer: [.init("embedding", "model.embed_tokens"), .init("norm", "model.norm"), .init("head", "lm_head")],
            inner: CheckpointLayout.gateUp.map { .init($0, "model.layers.#.mlp.gate_up_proj", .stacked(CheckpointLayout.gateUp)) } + [
                .init("attentionNorm", "model.layers.#.input_layernorm"),
                .init("attention.query", "model.layers.#.self_attn.q_proj"),
                .init("attention.key", "model.layers.#.self_attn.k_proj"),
                .init("attention.value", "model.layers.#.self_attn.v_proj"),
                .init("attention.output", "model.layers.#.self_attn.o_proj"),
                .init("attentionPostNorm", "model.layers.#.post_self_attn_layernorm"),
                .init("feedForwardNorm", "model.layers.#.post_attention_layernorm"),
                .init("feedForward.down", "model.layers.#.mlp.down_proj"),
                .init("feedForwardPostNorm", "model.layers.#.post_mlp_layernorm"),
            ], ignored: ["rotary_emb.inv_freq"])
    }
}
