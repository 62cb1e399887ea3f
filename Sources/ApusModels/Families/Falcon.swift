import ApusBase
import ApusDescription

/// Falcon (Almazrouei et al. 2023): 7B with one norm and one key/value head, 40B with groups, RW with ALiBi and sequential blocks.
enum Falcon: Family {
    static let modelTypes: Set<String> = ["falcon"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        let heads = try config.heads(), width = try config.width(heads: heads), headSize = width / heads
        let context = try config.int("max_position_embeddings") ?? 2048, bias = try config.bool("bias") ?? false
        let stated = try config.int("num_kv_heads", in: 1...65536) ?? heads, isNew = try config.bool("new_decoder_architecture") ?? false
        let sharesOne = try config.bool("multi_query") ?? true
        let kvHeads = isNew ? stated : sharesOne ? 1 : heads
        guard heads % kvHeads == 0 else { throw config.error("num_kv_heads", "\(heads) query heads cannot share \(kvHeads)") }
        let usesALiBi = try config.bool("alibi") ?? false
        let rotary = try usesALiBi ? nil : RotaryConfig.read(&config, headSize: headSize, context: context)
        if usesALiBi { config.ignore("rope_theta", "rope_scaling", "rope_parameters") }
        let layer = LayerDescription(
            attention: AttentionDescription(heads: heads, kvHeads: kvHeads, headSize: headSize, inputBias: bias, outputBias: bias),
            feedForward: FeedForwardDescription(
                width: try config.int("ffn_hidden_size") ?? 4 * width, kind: .plain, activation: try config.activation("activation", default: "gelu"),
                bias: bias),
            topology: try topology(&config, isNew: isNew))
        return DecoderDescription(
            architecture: "falcon", vocabularySize: try config.requiredInt("vocab_size"), width: width, contextLength: context,
            norm: .layer(epsilon: try config.epsilon("layer_norm_epsilon", default: 1e-5)),
            position: rotary.map { .rotary($0) } ?? .alibi(.beforeScalingInBF16),
            layers: Array(repeating: layer, count: try config.layerCount()),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? true))
    }

    private static func topology(_ config: inout ConfigReader, isNew: Bool) throws(InputError) -> BlockTopology {
        let isParallel = try config.bool("parallel_attn") ?? true
        let norms = try config.int("num_ln_in_parallel_attn", in: 1...2) ?? (isNew ? 2 : 1)
        guard isParallel else {
            guard !isNew else { throw config.error("parallel_attn", "false is not supported with new_decoder_architecture") }
            return .sequential(.pre)
        }
        guard norms == 1 || isNew else {
            throw config.error("num_ln_in_parallel_attn", "2 is not supported without new_decoder_architecture")
        }
        return .parallel(norms: norms == 1 ? .one : .two)
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        // transformers leaves the weights of attention whole where positions are rotary.
        let attention = try config.rate("attention_dropout"), usesALiBi = try config.bool("alibi") ?? false
        return DropoutDescription(
            attentionWeights: usesALiBi ? attention : 0, attentionOutput: attention, feedForwardOutput: try config.rate("hidden_dropout"),
            joinsParallel: true)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        let hasTwo = description.layers[0].topology == .parallel(norms: .two)
        return CheckpointLayout(
            outer: [
                .init("embedding", "transformer.word_embeddings"), .init("norm", "transformer.ln_f"), .init("head", "lm_head"),
            ],
            inner: CheckpointLayout.queryKeyValue.map { .init($0, "transformer.h.#.self_attention.query_key_value", .groups) } + [
                .init("attentionNorm", "transformer.h.#.\(hasTwo ? "ln_attn" : "input_layernorm")"),
                .init("attention.output", "transformer.h.#.self_attention.dense"),
                .init("feedForwardNorm", "transformer.h.#.\(hasTwo ? "ln_mlp" : "post_attention_layernorm")"),
                .init("feedForward.up", "transformer.h.#.mlp.dense_h_to_4h"),
                .init("feedForward.down", "transformer.h.#.mlp.dense_4h_to_h"),
            ])
    }
}
