import ApusBase
import ApusDescription

/// BERT (Devlin et al. 2019) and what shares its shape: MiniLM, RoBERTa (Liu et al. 2019), XLM-R (Conneau et al. 2020). An encoder:
/// its last residuals are what is wanted. The head that predicts hidden tokens is described where files hold it; others are handed on by
/// conversion.
enum Bert: ConfiguredFamily {
    static let modelTypes: Set<String> = ["bert", "roberta", "xlm-roberta"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        let modelType = try config.required(config.string("model_type"), "model_type")
        config.ignore("attention_probs_dropout_prob", "directionality", "hidden_dropout_prob", "output_past")
        config.ignore("pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type")
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
        var description = DecoderDescription(
            architecture: modelType, vocabularySize: try config.requiredInt("vocab_size"), width: width, contextLength: positions - offset,
            norm: .layer(epsilon: try config.epsilon("layer_norm_eps", default: 1e-12)), finalNorm: false, position: .learned(offset: offset),
            embedding: EmbeddingDescription(norm: true, tokenTypes: try config.int("type_vocab_size", in: 1...65536) ?? 2),
            layers: Array(repeating: layer, count: try config.layerCount()), head: nil)
        let isTied = try config.bool("tie_word_embeddings") ?? true
        if config.hasTensor(headPrefix(modelType).transform + ".dense.weight") {
            description.maskedHead = maskedHead(of: description)
            description.maskedHead!.tied = isTied
        }
        return description
    }

    /// RoBERTa's has GELU whatever the layers have.
    static func maskedHead(of description: DecoderDescription) -> HeadDescription? {
        HeadDescription(
            tied: true, bias: true, transform: description.architecture == "bert" ? description.layers[0].feedForward.activation : .geluErf)
    }

    /// How names of the head begin, and those of what stands before its product.
    private static func headPrefix(_ modelType: String) -> (head: String, transform: String, norm: String) {
        modelType == "bert" ? ("cls.predictions", "cls.predictions.transform", "LayerNorm") : ("lm_head", "lm_head", "layer_norm")
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let hidden = try config.rate("hidden_dropout_prob")
        return DropoutDescription(
            embedding: hidden, attentionWeights: try config.rate("attention_probs_dropout_prob"), attentionOutput: hidden, feedForwardOutput: hidden)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        let prefix = description.architecture == "bert" ? "bert." : "roberta.", layer = prefix + "encoder.layer.#."
        let (head, transform, norm) = headPrefix(description.architecture), own = description.maskedHead, decoder = head + ".decoder"
        return CheckpointLayout(
            outer: [
                .init("embedding", prefix + "embeddings.word_embeddings"), .init("positions", prefix + "embeddings.position_embeddings"),
                .init("tokenTypes", prefix + "embeddings.token_type_embeddings"), .init("embeddingNorm", prefix + "embeddings.LayerNorm"),
                .init("headTransform", transform + ".dense"), .init("headNorm", transform + "." + norm),
                .init("head", own?.tied == false ? decoder : head),
            ],
            inner: [
                .init("attention.query", layer + "attention.self.query"), .init("attention.key", layer + "attention.self.key"),
                .init("attention.value", layer + "attention.self.value"), .init("attention.output", layer + "attention.output.dense"),
                .init("attentionNorm", layer + "attention.output.LayerNorm"), .init("feedForward.up", layer + "intermediate.dense"),
                .init("feedForward.down", layer + "output.dense"), .init("feedForwardNorm", layer + "output.LayerNorm"),
            ], optionalPrefix: prefix,
            // Of the two names of the bias that of the product counts, which is the other's where the product is the embedding's.
            ignored: ["embeddings.position_ids"] + (own.map { [$0.tied ? decoder + ".bias" : head + ".bias"] } ?? []),
            carried: ["pooler."], otherHeads: ["cls.seq_relationship.", "classifier."] + (own == nil ? [head + "."] : []),
            copies: own?.tied == true ? [decoder + ".weight"] : [],
            // As TensorFlow called them, from where the first checkpoints came.
            olderEndings: [(".LayerNorm.weight", ".LayerNorm.gamma"), (".LayerNorm.bias", ".LayerNorm.beta")])
    }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0], isBert = description.architecture == "bert"
        guard case .learned(let offset) = description.position else {
            throw InputError(source.path, "\(description.architecture) has learned positions", remedy: "use another architecture")
        }
        let name = isBert ? "Bert" : description.architecture == "roberta" ? "Roberta" : "XLMRoberta"
        return [
            "architectures": .array([.string(name + (description.maskedHead == nil ? "Model" : "ForMaskedLM"))]),
            "model_type": .string(description.architecture), "vocab_size": .integer(description.vocabularySize),
            "hidden_size": .integer(description.width), "num_hidden_layers": .integer(description.layers.count),
            "num_attention_heads": .integer(layer.attention.heads), "intermediate_size": .integer(layer.feedForward.width),
            "hidden_act": .string(layer.feedForward.activation.transformersName),
            "max_position_embeddings": .integer(description.contextLength + offset), "type_vocab_size": .integer(description.embedding.tokenTypes),
            "layer_norm_eps": .decimal(description.norm.epsilon), "pad_token_id": .integer(isBert ? 0 : offset - 1),
            "tie_word_embeddings": .bool(description.maskedHead?.tied ?? true),
        ]
    }
}
