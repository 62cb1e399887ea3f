import ApusBase
import ApusDescription

/// T5 (Raffel et al. 2020), its versions 1.1 and Flan (Chung et al. 2022) with gated networks and heads of their own, and mT5: an encoder
/// and a decoder that attends to it, RMSNorm before sublayers, numbers by distance added to unscaled scores.
enum T5: ConfiguredFamily {
    static let modelTypes: Set<String> = ["t5", "mt5"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        config.ignore("dense_act_fn", "dropout_rate", "initializer_factor", "is_gated_act", "output_past")
        try config.expect("is_encoder_decoder", .bool(true))
        let isFirst = try config.required(config.string("model_type"), "model_type") == "t5"
        let width = try config.requiredInt("d_model"), vocabularySize = try config.requiredInt("vocab_size")
        let heads = try config.heads("num_heads"), headSize = try config.int("d_kv", in: 1...65536) ?? 64
        let count = try config.layerCount("num_layers")
        let decoderCount = config.isNull("num_decoder_layers") ? count : try config.layerCount("num_decoder_layers")
        if config.isNull("num_decoder_layers") { config.ignore("num_decoder_layers") }
        let feedForward = try feedForward(&config, default: isFirst ? "relu" : "gated-gelu")
        let (before, around) = try positions(&config)
        let attention = AttentionDescription(heads: heads, kvHeads: heads, headSize: headSize, scale: 1)
        var full = attention
        full.mask = .full
        let encoderLayer = LayerDescription(attention: full, feedForward: feedForward)
        let decoderLayer = LayerDescription(attention: attention, crossAttention: full, feedForward: feedForward)
        let ties = try config.bool("tie_word_embeddings") ?? true
        // Where files hold a head, it counts: transformers 5 writes of all models that the embedding serves as head.
        let isTied = ties && !config.hasTensor("lm_head.weight"), isScaled = try config.bool("scale_decoder_outputs") ?? (ties && isFirst)
        let padding = try config.int("pad_token_id", in: 0...vocabularySize - 1) ?? 0
        return DecoderDescription(
            architecture: isFirst ? "t5" : "mt5", vocabularySize: vocabularySize, width: width, contextLength: try config.int("n_positions") ?? 512,
            norm: .rms(epsilon: try config.epsilon("layer_norm_epsilon", default: 1e-6)), position: .relative(before),
            layers: Array(repeating: decoderLayer, count: decoderCount),
            head: HeadDescription(tied: isTied, scale: isScaled ? 1 / Float(width).squareRoot() : 1),
            encoder: EncoderDescription(
                layers: Array(repeating: encoderLayer, count: count), position: .relative(around),
                startToken: try config.int("decoder_start_token_id", in: 0...vocabularySize - 1) ?? padding))
    }

    /// An activation, after `gated-` if there is a gate; the gelu of gated networks is the one with tanh.
    private static func feedForward(_ config: inout ConfigReader, default name: String) throws(InputError) -> FeedForwardDescription {
        let name = try config.string("feed_forward_proj") ?? name, width = try config.requiredInt("d_ff")
        let activation: FeedForwardDescription.Activation
        switch name {
        case "relu", "gated-relu": activation = .relu
        case "gelu": activation = .geluErf
        case "gelu_new", "gated-gelu", "gated-gelu_new": activation = .geluTanh
        case "silu", "gated-silu": activation = .silu
        default: throw config.error("feed_forward_proj", "\(name) is not known", remedy: "relu, gelu and silu are, with gated- before them or not")
        }
        return FeedForwardDescription(width: width, kind: name.hasPrefix("gated-") ? .gated : .plain, activation: activation)
    }

    /// Of the decoder, whose tokens see those before them, and of the encoder.
    private static func positions(_ config: inout ConfigReader) throws(InputError) -> (RelativePosition, RelativePosition) {
        let buckets = try config.int("relative_attention_num_buckets", in: 4...65536) ?? 32
        let distance = try config.int("relative_attention_max_distance", in: 1...65536) ?? 128
        let before = RelativePosition(buckets: buckets, maxDistance: distance, isBidirectional: false)
        guard distance > before.exactDistances else {
            throw config.error("relative_attention_max_distance", "\(distance) is not above half of the \(buckets) buckets")
        }
        return (before, RelativePosition(buckets: buckets, maxDistance: distance, isBidirectional: true))
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let rate = try config.rate("dropout_rate")
        return DropoutDescription(embedding: rate, attentionWeights: rate, attentionOutput: rate, feedForwardOutput: rate, activation: rate, output: rate)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        let isGated = description.layers[0].feedForward.kind == .gated
        func attention(_ module: String, _ file: String) -> [CheckpointLayout.Row] {
            [("query", "q"), ("key", "k"), ("value", "v"), ("output", "o")].map { .init("\(module).\($0)", "\(file).\($1)") }
        }
        func block(_ side: String, _ file: String, _ feedForward: Int) -> [CheckpointLayout.Row] {
            attention(side + "attention", file + "layer.0.SelfAttention") + [
                .init(side + "attentionNorm", file + "layer.0.layer_norm"),
                .init(side + "feedForwardNorm", file + "layer.\(feedForward).layer_norm"),
                .init(side + "feedForward.gate", file + "layer.\(feedForward).DenseReluDense.wi_0"),
                .init(side + "feedForward.up", file + "layer.\(feedForward).DenseReluDense.\(isGated ? "wi_1" : "wi")"),
                .init(side + "feedForward.down", file + "layer.\(feedForward).DenseReluDense.wo"),
            ]
        }
        let bias = "block.0.layer.0.SelfAttention.relative_attention_bias"
        return CheckpointLayout(
            outer: [
                .init("embedding", "shared"), .init("norm", "decoder.final_layer_norm"), .init("relativeBias", "decoder." + bias),
                .init("encoder.norm", "encoder.final_layer_norm"), .init("encoder.relativeBias", "encoder." + bias), .init("head", "lm_head"),
            ],
            inner: block("", "decoder.block.#.", 2) + attention("crossAttention", "decoder.block.#.layer.1.EncDecAttention") + [
                .init("crossNorm", "decoder.block.#.layer.1.layer_norm")
            ] + block("encoder.", "encoder.block.#.", 1),
            ignored: ["EncDecAttention.relative_attention_bias.weight"], copies: ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"])
    }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0], head = description.head!, isGated = layer.feedForward.kind == .gated
        guard let encoder = description.encoder, case .relative(let relative) = encoder.position else {
            throw InputError(source.path, "\(description.architecture) has an encoder with relative positions", remedy: "use another architecture")
        }
        // The gelu of gated networks is the one with tanh.
        let activation = layer.feedForward.activation, name = isGated && activation == .geluTanh ? "gelu" : activation.transformersName
        return [
            "architectures": .array([.string(description.architecture == "t5" ? "T5ForConditionalGeneration" : "MT5ForConditionalGeneration")]),
            "model_type": .string(description.architecture), "is_encoder_decoder": .bool(true), "vocab_size": .integer(description.vocabularySize),
            "d_model": .integer(description.width), "d_kv": .integer(layer.attention.headSize), "d_ff": .integer(layer.feedForward.width),
            "num_layers": .integer(encoder.layers.count), "num_decoder_layers": .integer(description.layers.count),
            "num_heads": .integer(layer.attention.heads), "feed_forward_proj": .string((isGated ? "gated-" : "") + name),
            "relative_attention_num_buckets": .integer(relative.buckets), "relative_attention_max_distance": .integer(relative.maxDistance),
            "layer_norm_epsilon": .decimal(description.norm.epsilon), "n_positions": .integer(description.contextLength),
            "tie_word_embeddings": .bool(head.tied), "scale_decoder_outputs": .bool(head.scale != 1),
            "decoder_start_token_id": .integer(encoder.startToken), "pad_token_id": .integer(0), "eos_token_id": .integer(1),
        ]
    }
}
