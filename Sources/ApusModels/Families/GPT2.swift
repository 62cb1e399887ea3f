import ApusBase
import ApusDescription

/// GPT-2 (Radford et al. 2019): learned positions, pre-LayerNorm, weights transposed in the files.
enum GPT2: Family {
    static let modelTypes: Set<String> = ["gpt2"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        config.ignore("n_ctx")
        try config.expect("scale_attn_weights", .bool(true))
        try config.expect("scale_attn_by_inverse_layer_idx", .bool(false))
        try config.expect("add_cross_attention", .bool(false))
        config.ignore("reorder_and_upcast_attn")
        let heads = try config.heads("n_head"), width = try config.width("n_embd", heads: heads)
        let context = try config.int("n_positions") ?? 1024
        let layer = LayerDescription(
            attention: AttentionDescription(heads: heads, kvHeads: heads, headSize: width / heads, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(
                width: try config.int("n_inner") ?? 4 * width, kind: .plain,
                activation: try config.activation("activation_function", default: "gelu_new"), bias: true))
        return DecoderDescription(
            architecture: "gpt2", vocabularySize: try config.requiredInt("vocab_size"), width: width, contextLength: context,
            norm: .layer(epsilon: try config.epsilon("layer_norm_epsilon", default: 1e-5)), position: .learned(offset: 0),
            layers: Array(repeating: layer, count: try config.layerCount("n_layer")),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? true))
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let residual = try config.rate("resid_pdrop")
        return DropoutDescription(
            embedding: try config.rate("embd_pdrop"), attentionWeights: try config.rate("attn_pdrop"), attentionOutput: residual, feedForwardOutput: residual)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        let joined = CheckpointLayout.Packing.stacked(CheckpointLayout.queryKeyValue)
        return CheckpointLayout(
            outer: [
                .init("embedding", "transformer.wte"), .init("positions", "transformer.wpe"), .init("norm", "transformer.ln_f"),
                .init("head", "lm_head"),
            ],
            inner: CheckpointLayout.queryKeyValue.map { .init($0, "transformer.h.#.attn.c_attn", joined, isTransposed: true) } + [
                .init("attentionNorm", "transformer.h.#.ln_1"),
                .init("attention.output", "transformer.h.#.attn.c_proj", isTransposed: true),
                .init("feedForwardNorm", "transformer.h.#.ln_2"),
                .init("feedForward.up", "transformer.h.#.mlp.c_fc", isTransposed: true),
                .init("feedForward.down", "transformer.h.#.mlp.c_proj", isTransposed: true),
            ], optionalPrefix: "transformer.", ignored: [".attn.bias", ".attn.masked_bias"])
    }
}
