import ApusBase
import ApusDescription

/// BERT (Devlin et al. 2019) and what shares its shape: MiniLM, RoBERTa (Liu et al. 2019), XLM-R (Conneau et al. 2020). An encoder:
/// its last residuals are what is wanted; heads that files have besides are handed on by conversion.
enum Bert: Family {
    static let modelTypes: Set<String> = ["bert", "roberta", "xlm-roberta"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        let modelType = try config.required(config.string("model_type"), "model_type")
        config.ignore("attention_probs_dropout_prob", "directionality", "hidden_dropout_prob", "output_past")
        config.ignore("pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type")
        config.ignore("tie_word_embeddings")
        try config.expect("position_embedding_type", .string("absolute"))
        try config.expect("is_decoder", .bool(false))
        try config.expect("add_cross_attention", .bool(false))
        let heads = try config.heads(), width = try config.width(heads: heads)
        let padding = try config.int("pad_token_id", in: 0...1 << 31) ?? (modelType == "bert" ? 0 : 1)
        // RoBERTa counts positions from behind that of padding.
        let offset = modelType == "bert" ? 0 : padding + 1, positions = try config.int("max_position_embeddings") ?? 512
        guard positions > offset else { throw config.error("max_position_embeddings", "\(positions) leaves no position behind padding's") }
        let layer = LayerDescription(
            attention: AttentionDescription(
                heads: heads, kvHeads: heads, headSize: width / heads, mask: .full, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(
                width: try config.requiredInt("intermediate_size"), kind: .plain, activation: try config.activation("hidden_act", default: "gelu"),
                bias: true),
            topology: .sequential(.post))
        return DecoderDescription(
            architecture: modelType, vocabularySize: try config.requiredInt("vocab_size"), width: width, contextLength: positions - offset,
            norm: .layer(epsilon: try config.epsilon("layer_norm_eps", default: 1e-12)), finalNorm: false, position: .learned(offset: offset),
            embedding: EmbeddingDescription(norm: true, tokenTypes: try config.int("type_vocab_size", in: 1...65536) ?? 2),
            layers: Array(repeating: layer, count: try config.layerCount()), head: nil)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        let prefix = description.architecture == "bert" ? "bert." : "roberta.", layer = prefix + "encoder.layer.#."
        return CheckpointLayout(
            outer: [
                .init("embedding", prefix + "embeddings.word_embeddings"), .init("positions", prefix + "embeddings.position_embeddings"),
                .init("tokenTypes", prefix + "embeddings.token_type_embeddings"), .init("embeddingNorm", prefix + "embeddings.LayerNorm"),
            ],
            inner: [
                .init("attention.query", layer + "attention.self.query"), .init("attention.key", layer + "attention.self.key"),
                .init("attention.value", layer + "attention.self.value"), .init("attention.output", layer + "attention.output.dense"),
                .init("attentionNorm", layer + "attention.output.LayerNorm"), .init("feedForward.up", layer + "intermediate.dense"),
                .init("feedForward.down", layer + "output.dense"), .init("feedForwardNorm", layer + "output.LayerNorm"),
            ], optionalPrefix: prefix, ignored: ["embeddings.position_ids"], carried: ["pooler.", "cls.", "lm_head.", "classifier."])
    }
}
