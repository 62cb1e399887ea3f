import ApusBase
import ApusDescription

/// GPT-NeoX and Pythia (Black et al. 2022, Biderman et al. 2023): two norms and, as a rule, parallel sublayers.
enum GPTNeoX: Family {
    static let modelTypes: Set<String> = ["gpt_neox"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        let heads = try config.heads(), width = try config.width(heads: heads), bias = try config.bool("attention_bias") ?? true
        let context = try config.int("max_position_embeddings") ?? 2048
        let fraction = try config.double("rotary_pct") ?? 0.25
        let rotary = try RotaryConfig.read(&config, headSize: width / heads, context: context, baseKey: "rotary_emb_base", fraction: fraction)
        if let base = try config.double("rope_theta"), base != rotary.base {
            throw config.error(
                "rope_theta", "\(base) does not count for gpt_neox, the base of which is \(rotary.base)", remedy: "name it rotary_emb_base")
        }
        let isParallel = try config.bool("use_parallel_residual") ?? true
        let layer = LayerDescription(
            attention: AttentionDescription(heads: heads, kvHeads: heads, headSize: width / heads, inputBias: bias, outputBias: bias),
            feedForward: FeedForwardDescription(
                width: try config.requiredInt("intermediate_size"), kind: .plain, activation: try config.activation("hidden_act", default: "gelu"),
                bias: true),
            topology: isParallel ? .parallel(norms: .two) : .sequential(.pre))
        return DecoderDescription(
            architecture: "gpt_neox", vocabularySize: try config.requiredInt("vocab_size"), width: width, contextLength: context,
            norm: .layer(epsilon: try config.epsilon("layer_norm_eps", default: 1e-5)),
            position: .rotary(rotary), layers: Array(repeating: layer, count: try config.layerCount()),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? false))
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let hidden = try config.rate("hidden_dropout")
        return DropoutDescription(embedding: hidden, attentionWeights: try config.rate("attention_dropout"), attentionOutput: hidden, feedForwardOutput: hidden)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        CheckpointLayout(
            outer: [.init("embedding", "gpt_neox.embed_in"), .init("norm", "gpt_neox.final_layer_norm"), .init("head", "embed_out")],
            inner: CheckpointLayout.queryKeyValue.map { .init($0, "gpt_neox.layers.#.attention.query_key_value", .groups) } + [
                .init("attentionNorm", "gpt_neox.layers.#.input_layernorm"),
                .init("attention.output", "gpt_neox.layers.#.attention.dense"),
                .init("feedForwardNorm", "gpt_neox.layers.#.post_attention_layernorm"),
                .init("feedForward.up", "gpt_neox.layers.#.mlp.dense_h_to_4h"),
                .init("feedForward.down", "gpt_neox.layers.#.mlp.dense_4h_to_h"),
            ], ignored: [".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq"])
    }
}
