import ApusBase
import ApusDescription

/// Gemma 1, 2 and 3 (text): scaled embeddings, norms that multiply by 1 + w; from 2 on sandwich norms and local layers.
enum Gemma: Family {
    static let modelTypes: Set<String> = ["gemma", "gemma2", "gemma3_text"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        let modelType = try config.required(config.string("model_type"), "model_type"), isFirst = modelType == "gemma"
        try config.expect("use_bidirectional_attention", .bool(false))
        config.ignore("cache_implementation")
        let width = try config.requiredInt("hidden_size"), heads = try config.heads()
        let kvHeads = try config.int("num_key_value_heads", in: 1...65536) ?? (isFirst ? heads : 4)
        guard heads % kvHeads == 0 else { throw config.error("num_key_value_heads", "\(heads) query heads cannot share \(kvHeads)") }
        let headSize = try config.int("head_dim", in: 2...65536) ?? 256, context = try config.int("max_position_embeddings") ?? 8192
        guard headSize % 2 == 0 else { throw config.error("head_dim", "\(headSize) is odd, and rotary positions need pairs") }
        let norm = NormKind.rms(epsilon: try config.epsilon("rms_norm_eps", default: 1e-6), offset: 1)
        let bias = try config.bool("attention_bias") ?? false
        var attention = AttentionDescription(heads: heads, kvHeads: kvHeads, headSize: headSize, inputBias: bias, outputBias: bias)
        if !isFirst {
            let scalar = try config.double("query_pre_attn_scalar") ?? 256
            guard scalar > 0 else { throw config.error("query_pre_attn_scalar", "\(scalar) is not above 0") }
            attention.scale = Float(1 / scalar.squareRoot())
        }
        if modelType == "gemma2" { attention.softCap = try cap(&config, "attn_logit_softcapping", default: 50) }
        if modelType == "gemma3_text" { attention.queryKeyNorm = norm }
        let headCap = try isFirst ? nil : cap(&config, "final_logit_softcapping", default: modelType == "gemma2" ? 30 : nil)
        let feedForward = FeedForwardDescription(
            width: try config.requiredInt("intermediate_size"), activation: try activation(&config, isFirst: isFirst))
        let (global, local) = try rotary(&config, modelType: modelType, headSize: headSize, context: context)
        let layers = layers(attention, feedForward, try windows(&config, modelType: modelType), isFirst: isFirst, global: global, local: local)
        return DecoderDescription(
            architecture: modelType, vocabularySize: try config.requiredInt("vocab_size"), width: width, contextLength: context, norm: norm,
            position: .rotary(global), embedding: EmbeddingDescription(scale: try scale(&config, width: width)), layers: layers,
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? true, softCap: headCap))
    }

    /// A layer for each window, nil being that of a layer which sees all.
    static func layers(
        _ attention: AttentionDescription, _ feedForward: FeedForwardDescription, _ windows: [Int?], isFirst: Bool, global: RotaryDescription,
        local: RotaryDescription
    ) -> [LayerDescription] {
        windows.map { window in
            var own = attention
            if let window { own.mask = .window(window) }
            return LayerDescription(
                attention: own, feedForward: feedForward, topology: .sequential(isFirst ? .pre : .sandwich),
                position: window == nil || local == global ? nil : .rotary(local))
        }
    }

    /// √C, rounded to the type of the weights.
    private static func scale(_ config: inout ConfigReader, width: Int) throws(InputError) -> Float {
        let exact = Float(width).squareRoot(), older = try config.string("torch_dtype")
        switch try config.string("dtype") ?? older {
        case "bfloat16"?:
            let bits = exact.bitPattern
            return Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
        case "float16"?: return Float(Float16(exact))
        default: return exact
        }
    }

    /// Gemma's first configurations say gelu and mean its form with tanh.
    private static func activation(_ config: inout ConfigReader, isFirst: Bool) throws(InputError) -> FeedForwardDescription.Activation {
        if isFirst, try config.string("hidden_activation") == nil, try config.string("hidden_act") == "gelu" { return .geluTanh }
        if isFirst, try config.string("hidden_activation") == nil { return try config.activation("hidden_act", default: "gelu_pytorch_tanh") }
        config.ignore("hidden_act")
        return try config.activation("hidden_activation", default: "gelu_pytorch_tanh")
    }

    private static func cap(_ config: inout ConfigReader, _ key: String, default value: Double?) throws(InputError) -> Float? {
        // An explicit null means none.
        guard let cap = try config.double(key) ?? (config.has(key) ? nil : value) else { return nil }
        guard cap > 0 else { throw config.error(key, "\(cap) is not above 0") }
        return Float(cap)
    }

    /// How global and local layers turn.
    private static func rotary(
        _ config: inout ConfigReader, modelType: String, headSize: Int, context: Int
    ) throws(InputError) -> (RotaryDescription, RotaryDescription) {
        guard modelType == "gemma3_text" else {
            let both = try RotaryConfig.read(&config, headSize: headSize, context: context)
            return (both, both)
        }
        let base = try config.double("rope_theta") ?? 1_000_000, localBase = try config.double("rope_local_base_freq") ?? 10000
        // Settings that are of neither kind of layer do not count. Where there are no others, users are told.
        var copy = config, stated = try copy.section("rope_parameters")
        var global = try stated?.object("full_attention")
        let local = try stated?.object("sliding_attention"), scaling = try config.object("rope_scaling")
        if global != nil || local != nil { config.ignore("rope_parameters") }
        if let scaling {
            guard stated == nil || global != nil else {
                throw config.error("rope_scaling", "is of full_attention, which rope_parameters lacks", remedy: "put it there as full_attention")
            }
            var whole = global ?? ["rope_type": .string("default")]
            for (key, value) in scaling.members { whole[key] = value }
            global = whole
        }
        func read(_ settings: JSONObject?, _ prefix: String, base: Double) throws(InputError) -> RotaryDescription {
            var section = ConfigReader(path: config.path, settings ?? JSONObject(), prefix: prefix)
            return try RotaryConfig.read(section: &section, headSize: headSize, context: context, base: base)
        }
        return (
            try read(global, scaling == nil ? "rope_parameters.full_attention." : "rope_scaling.", base: base),
            try read(local, "rope_parameters.sliding_attention.", base: localBase)
        )
    }

    /// The window of each layer: those of Gemma 2 take turns, in Gemma 3 every sixth is global.
    private static func windows(_ config: inout ConfigReader, modelType: String) throws(InputError) -> [Int?] {
        let count = try config.layerCount()
        if modelType == "gemma" { return Array(repeating: nil, count: count) }
        let window = try config.int("sliding_window") ?? 4096
        let pattern = try modelType == "gemma2" ? 2 : config.int("sliding_window_pattern") ?? 6
        // transformers writes this key and does not read it.
        if config.has("layer_types") { config.ignore("_sliding_window_pattern") }
        return try config.layerWindows(window, default: (0..<count).map { ($0 + 1) % pattern == 0 ? nil : window })
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        let isFirst = description.architecture == "gemma"
        return CheckpointLayout(
            outer: [.init("embedding", "model.embed_tokens"), .init("norm", "model.norm"), .init("head", "lm_head")],
            inner: [
                .init("attentionNorm", "model.layers.#.input_layernorm"),
                .init("attention.query", "model.layers.#.self_attn.q_proj"),
                .init("attention.key", "model.layers.#.self_attn.k_proj"),
                .init("attention.value", "model.layers.#.self_attn.v_proj"),
                .init("attention.output", "model.layers.#.self_attn.o_proj"),
                .init("attention.queryNorm", "model.layers.#.self_attn.q_norm"),
                .init("attention.keyNorm", "model.layers.#.self_attn.k_norm"),
                .init("attentionPostNorm", "model.layers.#.post_attention_layernorm"),
                .init("feedForwardNorm", "model.layers.#.\(isFirst ? "post_attention_layernorm" : "pre_feedforward_layernorm")"),
                .init("feedForward.gate", "model.layers.#.mlp.gate_proj"),
                .init("feedForward.up", "model.layers.#.mlp.up_proj"),
                .init("feedForward.down", "model.layers.#.mlp.down_proj"),
                .init("feedForwardPostNorm", "model.layers.#.post_feedforward_layernorm"),
            ], ignored: ["rotary_emb.inv_freq"])
    }
}
