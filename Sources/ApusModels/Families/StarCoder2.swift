import ApusBase
import ApusDescription

/// StarCoder2 (Lozhkov et al. 2024): LLaMA's rotary positions and groups of queries, GPT-2's norms, biases and feed-forward network.
enum StarCoder2: Family {
    static let modelTypes: Set<String> = ["starcoder2"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        config.ignore("residual_dropout")
        let heads = try config.heads(), width = try config.width(heads: heads), bias = try config.bool("use_bias") ?? true
        let kvHeads = try config.int("num_key_value_heads", in: 1...65536) ?? 2
        guard heads % kvHeads == 0 else { throw config.error("num_key_value_heads", "\(heads) query heads cannot share \(kvHeads)") }
        let context = try config.int("max_position_embeddings") ?? 4096, window = try config.int("sliding_window")
        let layer = LayerDescription(
            attention: AttentionDescription(
                heads: heads, kvHeads: kvHeads, headSize: width / heads, mask: window.map { .window($0) } ?? .causal, inputBias: bias,
                outputBias: bias),
            feedForward: FeedForwardDescription(
                width: try config.requiredInt("intermediate_size"), kind: .plain,
                activation: try config.activation("hidden_act", default: "gelu_pytorch_tanh"), bias: bias))
        return DecoderDescription(
            architecture: "starcoder2", vocabularySize: try config.requiredInt("vocab_size"), width: width, contextLength: context,
            norm: .layer(epsilon: try config.epsilon("norm_epsilon", default: 1e-5)),
            position: .rotary(try RotaryConfig.read(&config, headSize: width / heads, context: context)),
            layers: Array(repeating: layer, count: try config.layerCount()),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? true))
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let residual = try config.rate("residual_dropout")
        return DropoutDescription(
            embedding: try config.rate("embedding_dropout"), attentionWeights: try config.rate("attention_dropout"), attentionOutput: residual,
            feedForwardOutput: residual)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        CheckpointLayout(
            outer: [.init("embedding", "model.embed_tokens"), .init("norm", "model.norm"), .init("head", "lm_head")],
            inner: [
                .init("attentionNorm", "model.layers.#.input_layernorm"),
                .init("attention.query", "model.layers.#.self_attn.q_proj"),
                .init("attention.key", "model.layers.#.self_attn.k_proj"),
                .init("attention.value", "model.layers.#.self_attn.v_proj"),
                .init("attention.output", "model.layers.#.self_attn.o_proj"),
                .init("feedForwardNorm", "model.layers.#.post_attention_layernorm"),
                .init("feedForward.up", "model.layers.#.mlp.c_fc"),
                .init("feedForward.down", "model.layers.#.mlp.c_proj"),
            ], ignored: ["rotary_emb.inv_freq"])
    }
}
