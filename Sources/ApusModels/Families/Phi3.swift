import ApusBase
import ApusDescription

/// Phi-3 (Abdin et al. 2024): LLaMA with packed projections.
enum Phi3: Family {
    static let modelTypes: Set<String> = ["phi3"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        // Only the stretched contexts use it, whose rotary type is refused.
        config.ignore("original_max_position_embeddings")
        try config.expect("attention_bias", .bool(false))
        let heads = try config.heads(), width = try config.width(heads: heads)
        let kvHeads = try config.int("num_key_value_heads", in: 1...65536) ?? heads
        guard heads % kvHeads == 0 else { throw config.error("num_key_value_heads", "\(heads) query heads cannot share \(kvHeads)") }
        let context = try config.int("max_position_embeddings") ?? 4096
        let fraction = try config.double("partial_rotary_factor") ?? 1
        let rotary = try RotaryConfig.read(&config, headSize: width / heads, context: context, fraction: fraction)
        let window = try config.int("sliding_window")
        let layer = LayerDescription(
            attention: AttentionDescription(
                heads: heads, kvHeads: kvHeads, headSize: width / heads, mask: window.map { .window($0) } ?? .causal),
            feedForward: FeedForwardDescription(
                width: try config.requiredInt("intermediate_size"), activation: try config.activation("hidden_act", default: "silu")))
        return DecoderDescription(
            architecture: "phi3", vocabularySize: try config.requiredInt("vocab_size"), width: width, contextLength: context,
            norm: .rms(epsilon: try config.epsilon("rms_norm_eps", default: 1e-5)), position: .rotary(rotary),
            layers: Array(repeating: layer, count: try config.layerCount()),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? false))
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let residual = try config.rate("resid_pdrop")
        return DropoutDescription(attentionWeights: try config.rate("attention_dropout"), attentionOutput: residual, feedForwardOutput: residual)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        let queries = CheckpointLayout.queryKeyValue, gates = CheckpointLayout.gateUp
        return CheckpointLayout(
            outer: [.init("embedding", "model.embed_tokens"), .init("norm", "model.norm"), .init("head", "lm_head")],
            inner: queries.map { .init($0, "model.layers.#.self_attn.qkv_proj", .stacked(queries)) }
                + gates.map { .init($0, "model.layers.#.mlp.gate_up_proj", .stacked(gates)) } + [
                    .init("attentionNorm", "model.layers.#.input_layernorm"),
                    .init("attention.output", "model.layers.#.self_attn.o_proj"),
                    .init("feedForwardNorm", "model.layers.#.post_attention_layernorm"),
                    .init("feedForward.down", "model.layers.#.mlp.down_proj"),
                ], ignored: ["rotary_emb.inv_freq"])
    }
}
