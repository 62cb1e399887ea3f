import ApusBase
import ApusDescription

/// OPT (Zhang et al. 2022): learned positions from the third row on; the 350M has its norms after the sublayers, and narrow embeddings.
enum OPT: ConfiguredFamily {
    static let modelTypes: Set<String> = ["opt"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        config.ignore("activation_dropout", "init_std")
        try config.expect("layer_norm_elementwise_affine", .bool(true))
        let heads = try config.heads(), width = try config.width(heads: heads), bias = try config.bool("enable_bias") ?? true
        let embedded = try config.int("word_embed_proj_dim") ?? width, isPre = try config.bool("do_layer_norm_before") ?? true
        let lacksNorm = try config.bool("_remove_final_layer_norm") ?? false
        let layer = LayerDescription(
            attention: AttentionDescription(heads: heads, kvHeads: heads, headSize: width / heads, inputBias: bias, outputBias: bias),
            feedForward: FeedForwardDescription(
                width: try config.requiredInt("ffn_dim"), kind: .plain, activation: try config.activation("activation_function", default: "relu"),
                bias: bias),
            topology: .sequential(isPre ? .pre : .post))
        return DecoderDescription(
            architecture: "opt", vocabularySize: try config.requiredInt("vocab_size"), width: width,
            contextLength: try config.int("max_position_embeddings") ?? 2048, norm: .layer(epsilon: 1e-5), finalNorm: isPre && !lacksNorm,
            position: .learned(offset: 2), embedding: EmbeddingDescription(width: embedded == width ? nil : embedded),
            layers: Array(repeating: layer, count: try config.layerCount()),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? true))
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let residual = try config.rate("dropout")
        return DropoutDescription(attentionWeights: try config.rate("attention_dropout"), attentionOutput: residual, feedForwardOutput: residual)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        CheckpointLayout(
            outer: [
                .init("embedding", "model.decoder.embed_tokens"), .init("embeddingProjection", "model.decoder.project_in"),
                .init("positions", "model.decoder.embed_positions"), .init("norm", "model.decoder.final_layer_norm"),
                .init("headProjection", "model.decoder.project_out"), .init("head", "lm_head"),
            ],
            inner: [
                .init("attentionNorm", "model.decoder.layers.#.self_attn_layer_norm"),
                .init("attention.query", "model.decoder.layers.#.self_attn.q_proj"),
                .init("attention.key", "model.decoder.layers.#.self_attn.k_proj"),
                .init("attention.value", "model.decoder.layers.#.self_attn.v_proj"),
                .init("attention.output", "model.decoder.layers.#.self_attn.out_proj"),
                .init("feedForwardNorm", "model.decoder.layers.#.final_layer_norm"),
                .init("feedForward.up", "model.decoder.layers.#.fc1"),
                .init("feedForward.down", "model.decoder.layers.#.fc2"),
            ], optionalPrefix: "model.")
    }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0], isPre = layer.topology == .sequential(.pre)
        return [
            "architectures": .array([.string("OPTForCausalLM")]), "model_type": .string("opt"),
            "vocab_size": .integer(description.vocabularySize), "hidden_size": .integer(description.width),
            "word_embed_proj_dim": .integer(description.embedding.width ?? description.width),
            "num_hidden_layers": .integer(description.layers.count), "num_attention_heads": .integer(layer.attention.heads),
            "ffn_dim": .integer(layer.feedForward.width), "activation_function": .string(layer.feedForward.activation.transformersName),
            "max_position_embeddings": .integer(description.contextLength), "enable_bias": .bool(layer.attention.inputBias),
            "do_layer_norm_before": .bool(isPre), "_remove_final_layer_norm": .bool(isPre && !description.finalNorm),
            "tie_word_embeddings": .bool(description.head!.tied),
        ]
    }
}
