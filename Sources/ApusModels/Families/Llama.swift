import ApusBase
import ApusDescription

/// LLaMA 1/2/3 and those that differ from it by values alone: Mistral, SmolLM, Qwen2 and Qwen3.
enum Llama: Family {
    static let modelTypes: Set<String> = ["llama", "mistral", "qwen2", "qwen3"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        let modelType = try config.required(config.string("model_type"), "model_type")
        config.ignore("is_llama_config", "max_window_layers", "rope_interleaved")
        let width = try config.requiredInt("hidden_size"), heads = try config.heads()
        let kvHeads = try config.int("num_key_value_heads", in: 1...65536) ?? heads
        guard heads % kvHeads == 0 else { throw config.error("num_key_value_heads", "\(heads) query heads cannot share \(kvHeads)") }
        let headSize = try config.int("head_dim", in: 2...65536) ?? width / heads
        guard headSize % 2 == 0 else { throw config.error("head_dim", "\(headSize) is odd, and rotary positions need pairs") }
        let layerCount = try config.layerCount()
        let context = try config.int("max_position_embeddings") ?? 2048
        let rotary = try RotaryConfig.read(&config, headSize: headSize, context: context)
        let bias = try config.bool("attention_bias") ?? false
        let windows = try windows(&config, modelType: modelType, layerCount: layerCount)
        let feedForward = FeedForwardDescription(
            width: try config.requiredInt("intermediate_size"), activation: try config.activation("hidden_act", default: "silu"),
            bias: try config.bool("mlp_bias") ?? false)
        let norm = NormKind.rms(epsilon: try config.epsilon("rms_norm_eps", default: 1e-6))
        let layers = windows.map { window in
            LayerDescription(
                attention: AttentionDescription(
                    heads: heads, kvHeads: kvHeads, headSize: headSize, mask: window.map { .window($0) } ?? .causal,
                    inputBias: bias || modelType == "qwen2", outputBias: bias && modelType != "qwen2",
                    queryKeyNorm: modelType == "qwen3" ? norm : nil),
                feedForward: feedForward)
        }
        return DecoderDescription(
            architecture: modelType, vocabularySize: try config.requiredInt("vocab_size"), width: width, contextLength: context, norm: norm,
            position: .rotary(rotary), layers: layers, head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? false))
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        CheckpointLayout(
            outer: [
                .init("embedding", "model.embed_tokens"), .init("norm", "model.norm"), .init("head", "lm_head"),
            ],
            inner: [
                .init("attentionNorm", "model.layers.#.input_layernorm"),
                .init("attention.query", "model.layers.#.self_attn.q_proj"),
                .init("attention.key", "model.layers.#.self_attn.k_proj"),
                .init("attention.value", "model.layers.#.self_attn.v_proj"),
                .init("attention.output", "model.layers.#.self_attn.o_proj"),
                .init("attention.queryNorm", "model.layers.#.self_attn.q_norm"),
                .init("attention.keyNorm", "model.layers.#.self_attn.k_norm"),
                .init("feedForwardNorm", "model.layers.#.post_attention_layernorm"),
                .init("feedForward.gate", "model.layers.#.mlp.gate_proj"),
                .init("feedForward.up", "model.layers.#.mlp.up_proj"),
                .init("feedForward.down", "model.layers.#.mlp.down_proj"),
            ], ignored: ["rotary_emb.inv_freq"])
    }

    /// The window of each layer: LLaMA's have none, Mistral's all have the same. Qwen's configs carry one that `use_sliding_window`
    /// switches on from `max_window_layers` on.
    private static func windows(_ config: inout ConfigReader, modelType: String, layerCount: Int) throws(InputError) -> [Int?] {
        // An explicit null means none.
        let window = try modelType == "llama" ? nil : config.int("sliding_window") ?? (config.has("sliding_window") ? nil : 4096)
        guard modelType.hasPrefix("qwen") else {
            try checkKinds(&config, modelType: modelType, window: window)
            return Array(repeating: window, count: layerCount)
        }
        let switched = try config.bool("use_sliding_window") ?? false
        let first = try config.int("max_window_layers", in: 0...100_000) ?? 28
        let windows = try config.layerWindows(window, default: (0..<layerCount).map { switched && $0 >= first ? window : nil })
        guard switched || windows.allSatisfy({ $0 == nil }) else {
            throw config.error("use_sliding_window", "is not true, but layer_types has sliding_attention", remedy: "make both say the same")
        }
        return windows
    }

    /// - Throws: an `InputError` where keys that transformers does not read of LLaMA and Mistral say of layers what is not so.
    private static func checkKinds(_ config: inout ConfigReader, modelType: String, window: Int?) throws(InputError) {
        let kind = window == nil ? "full_attention" : "sliding_attention"
        func error(_ key: String) -> InputError {
            config.error(
                key, "does not count for \(modelType), all layers of which have \(kind)", remedy: "remove it, or name the model_type that it is of")
        }
        if let switched = try config.bool("use_sliding_window"), switched != (window != nil) { throw error("use_sliding_window") }
        if let kinds = config.value("layer_types"), kinds.array?.allSatisfy({ $0.string == kind }) != true { throw error("layer_types") }
    }
}
