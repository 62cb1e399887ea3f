import ApusBase
import ApusDescription

/// BLOOM (BigScience 2022): ALiBi, and a norm after the embedding.
enum Bloom: Family {
    static let modelTypes: Set<String> = ["bloom"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        config.ignore(
            "attention_softmax_in_fp32", "bias_dropout_fusion", "masked_softmax_fusion", "offset_alibi", "skip_bias_add",
            "skip_bias_add_qkv", "slow_but_exact")
        try config.expect("apply_residual_connection_post_layernorm", .bool(false))
        let heads = try config.heads(config.has("num_attention_heads") ? "num_attention_heads" : "n_head")
        let width = try config.width(config.has("n_embed") ? "n_embed" : "hidden_size", heads: heads)
        let layer = LayerDescription(
            attention: AttentionDescription(heads: heads, kvHeads: heads, headSize: width / heads, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(width: 4 * width, kind: .plain, activation: .geluTanh, bias: true))
        let count = try config.layerCount(config.has("num_hidden_layers") ? "num_hidden_layers" : "n_layer")
        return DecoderDescription(
            architecture: "bloom", vocabularySize: try config.requiredInt("vocab_size"), width: width,
            contextLength: try config.int("seq_length") ?? 2048, norm: .layer(epsilon: try config.epsilon("layer_norm_epsilon", default: 1e-5)),
            position: .alibi(.afterScaling),
            embedding: EmbeddingDescription(norm: true),
            layers: Array(repeating: layer, count: count),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? true))
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let hidden = try config.rate("hidden_dropout")
        return DropoutDescription(attentionWeights: try config.rate("attention_dropout"), attentionOutput: hidden, feedForwardOutput: hidden)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        CheckpointLayout(
            outer: [
                .init("embedding", "transformer.word_embeddings"), .init("embeddingNorm", "transformer.word_embeddings_layernorm"),
                .init("norm", "transformer.ln_f"), .init("head", "lm_head"),
            ],
            inner: CheckpointLayout.queryKeyValue.map { .init($0, "transformer.h.#.self_attention.query_key_value", .groups) } + [
                .init("attentionNorm", "transformer.h.#.input_layernorm"),
                .init("attention.output", "transformer.h.#.self_attention.dense"),
                .init("feedForwardNorm", "transformer.h.#.post_attention_layernorm"),
                .init("feedForward.up", "transformer.h.#.mlp.dense_h_to_4h"),
                .init("feedForward.down", "transformer.h.#.mlp.dense_4h_to_h"),
            ], optionalPrefix: "transformer.")
    }
}
