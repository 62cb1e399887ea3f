import ApusBase
import ApusDescription

/// ChatGLM-6B (Du et al. 2022) and its successors ChatGLM2 and ChatGLM3, which share a model type and little else.
enum ChatGLM: ConfiguredFamily {
    static let modelTypes: Set<String> = ["chatglm"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        config.ignore("gmask_token_id", "mask_token_id", "prefix_projection", "quantization_embeddings")
        if let bits = try config.int("quantization_bit", in: 0...64), bits > 0 {
            throw config.error("quantization_bit", "weights of \(bits) bits are not supported", remedy: "fetch the model in f16")
        }
        if try config.int("pre_seq_len") != nil { throw config.error("pre_seq_len", "a trained prefix is not supported") }
        return try config.has("inner_hidden_size") ? first(&config) : later(&config)
    }

    /// ChatGLM-6B: two channels of positions, the normed residual, a context that sees itself in both directions.
    private static func first(_ config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        try config.expect("position_encoding_2d", .bool(true))
        let heads = try config.heads(), width = try config.width(heads: heads), headSize = width / heads
        guard headSize % 4 == 0 else { throw config.error("num_attention_heads", "heads of \(headSize) elements have no halves of pairs") }
        let count = try config.layerCount("num_layers"), vocabularySize = try config.requiredInt("vocab_size")
        let tokens = try config.tokens(["bos_token_id", "gmask_token_id", "mask_token_id"], below: vocabularySize)
        let layer = LayerDescription(
            attention: AttentionDescription(
                heads: heads, kvHeads: heads, headSize: headSize, mask: .prefix, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(
                width: try config.requiredInt("inner_hidden_size"), kind: .plain, activation: .geluTanh, bias: true),
            topology: .sequential(.normedResidual(scale: Float(2 * count).squareRoot())))
        return DecoderDescription(
            architecture: "chatglm", vocabularySize: vocabularySize, width: width,
            contextLength: try config.int("max_sequence_length") ?? 2048,
            norm: .layer(epsilon: try config.epsilon("layernorm_epsilon", default: 1e-5)),
            position: .rotary2D(RotaryDescription(dimensions: headSize / 2, roundsFrequencies: true)),
            layers: Array(repeating: layer, count: count), head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? true),
            infilling: InfillingTokens(start: tokens[0], masks: [tokens[1], tokens[2]]))
    }

    /// ChatGLM2 and 3: half of each head turns, in adjacent pairs; groups of queries.
    private static func later(_ config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        config.ignore(
            "apply_query_key_layer_scaling", "attention_softmax_in_fp32", "bias_dropout_fusion", "fp32_residual_connection", "vocab_size")
        for key in ["multi_query_attention", "rmsnorm", "original_rope", "post_layer_norm"] { try config.expect(key, .bool(true)) }
        for key in ["add_bias_linear", "apply_residual_connection_post_layernorm"] { try config.expect(key, .bool(false)) }
        let width = try config.requiredInt("hidden_size"), heads = try config.heads()
        let headSize = try config.int("kv_channels", in: 1...65536) ?? 128
        guard headSize % 4 == 0 else { throw config.error("kv_channels", "half of \(headSize) elements are no pairs") }
        let groups = try config.int("multi_query_group_num", in: 1...65536) ?? 2
        guard heads % groups == 0 else { throw config.error("multi_query_group_num", "\(heads) query heads cannot share \(groups)") }
        let ratio = try config.double("rope_ratio") ?? 1
        guard ratio > 0 else { throw config.error("rope_ratio", "\(ratio) is not above 0") }
        // The first long model has the same key for another thing: there it divides positions.
        let name = try config.string("_name_or_path") ?? ""
        guard ratio == 1 || !name.contains("chatglm2") else {
            throw config.error("rope_ratio", "\(ratio) is not supported for ChatGLM2", remedy: "ChatGLM3 has longer contexts that are")
        }
        let layer = LayerDescription(
            attention: AttentionDescription(
                heads: heads, kvHeads: groups, headSize: headSize, inputBias: try config.bool("add_qkv_bias") ?? false),
            feedForward: FeedForwardDescription(width: try config.requiredInt("ffn_hidden_size")))
        return DecoderDescription(
            architecture: "chatglm", vocabularySize: try config.requiredInt("padded_vocab_size"), width: width,
            contextLength: try config.int("seq_length") ?? 2048,
            norm: .rms(epsilon: try config.epsilon("layernorm_epsilon", default: 1e-5)),
            position: .rotary(RotaryDescription(style: .interleaved, base: 10000 * ratio, dimensions: headSize / 2)),
            layers: Array(repeating: layer, count: try config.layerCount("num_layers")),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? false))
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let hidden = try config.rate("hidden_dropout")
        return DropoutDescription(attentionWeights: try config.rate("attention_dropout"), attentionOutput: hidden, feedForwardOutput: hidden)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        let isFirst = description.infilling != nil, layers = isFirst ? "transformer.layers.#." : "transformer.encoder.layers.#."
        let attention = layers + (isFirst ? "attention." : "self_attention."), queries = CheckpointLayout.queryKeyValue
        let common: [CheckpointLayout.Row] =
            queries.map { .init($0, attention + "query_key_value", isFirst ? .groups : .stacked(queries)) } + [
                .init("attentionNorm", layers + "input_layernorm"),
                .init("attention.output", attention + "dense"),
                .init("feedForwardNorm", layers + "post_attention_layernorm"),
                .init("feedForward.down", layers + "mlp.dense_4h_to_h"),
            ]
        let up = layers + "mlp.dense_h_to_4h", gates = CheckpointLayout.gateUp
        if isFirst {
            return CheckpointLayout(
                outer: [
                    .init("embedding", "transformer.word_embeddings"), .init("norm", "transformer.final_layernorm"), .init("head", "lm_head"),
                ], inner: common + [.init("feedForward.up", up)], ignored: ["rotary_emb.inv_freq"])
        }
        return CheckpointLayout(
            outer: [
                .init("embedding", "transformer.embedding.word_embeddings"), .init("norm", "transformer.encoder.final_layernorm"),
                .init("head", "transformer.output_layer"),
            ], inner: common + gates.map { .init($0, up, .stacked(gates)) }, ignored: ["rotary_pos_emb.inv_freq"])
    }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0]
        guard let infilling = description.infilling, infilling.masks.count == 2 else { return try GLM.config(of: source) }
        return [
            "architectures": .array([.string("ChatGLMModel")]), "model_type": .string("chatglm"), "position_encoding_2d": .bool(true),
            "vocab_size": .integer(description.vocabularySize), "hidden_size": .integer(description.width),
            "num_layers": .integer(description.layers.count), "num_attention_heads": .integer(layer.attention.heads),
            "inner_hidden_size": .integer(layer.feedForward.width), "layernorm_epsilon": .decimal(description.norm.epsilon),
            "max_sequence_length": .integer(description.contextLength), "tie_word_embeddings": .bool(description.head!.tied),
            "bos_token_id": .integer(infilling.start), "gmask_token_id": .integer(infilling.masks[0]), "mask_token_id": .integer(infilling.masks[1]),
        ]
    }
}

extension ConfigReader {
    /// Ids of tokens that must be stated.
    fileprivate mutating func tokens(_ keys: [String], below count: Int) throws(InputError) -> [Int] {
        var ids: [Int] = []
        for key in keys { ids.append(try required(int(key, in: 0...count - 1), key)) }
        return ids
    }
}
