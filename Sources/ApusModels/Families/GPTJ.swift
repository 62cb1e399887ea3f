import ApusBase
import ApusDescription

/// GPT-J (Wang & Komatsuzaki 2021): both sublayers read one norm; a part of each head turns, in adjacent pairs.
enum GPTJ: ConfiguredFamily {
    static let modelTypes: Set<String> = ["gptj"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        config.ignore("n_ctx", "rotary", "scale_attn_weights")
        let heads = try config.heads("n_head"), width = try config.width("n_embd", heads: heads), headSize = width / heads
        let dimensions = try config.int("rotary_dim") ?? 64
        guard dimensions % 2 == 0, dimensions <= headSize else {
            throw config.error("rotary_dim", "\(dimensions) of \(headSize) elements are no pairs")
        }
        let layer = LayerDescription(
            attention: AttentionDescription(heads: heads, kvHeads: heads, headSize: headSize),
            feedForward: FeedForwardDescription(
                width: try config.int("n_inner") ?? 4 * width, kind: .plain,
                activation: try config.activation("activation_function", default: "gelu_new"), bias: true),
            topology: .parallel(norms: .one))
        return DecoderDescription(
            architecture: "gptj", vocabularySize: try config.requiredInt("vocab_size"), width: width,
            contextLength: try config.int("n_positions") ?? 2048,
            norm: .layer(epsilon: try config.epsilon("layer_norm_epsilon", default: 1e-5)),
            position: .rotary(RotaryDescription(style: .interleaved, dimensions: dimensions)),
            layers: Array(repeating: layer, count: try config.layerCount("n_layer")),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? false, bias: true))
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let residual = try config.rate("resid_pdrop")
        return DropoutDescription(
            embedding: try config.rate("embd_pdrop"), attentionWeights: try config.rate("attn_pdrop"), attentionOutput: residual, feedForwardOutput: residual)
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        CheckpointLayout(
            outer: [.init("embedding", "transformer.wte"), .init("norm", "transformer.ln_f"), .init("head", "lm_head")],
            inner: [
                .init("attentionNorm", "transformer.h.#.ln_1"),
                .init("attention.query", "transformer.h.#.attn.q_proj"),
                .init("attention.key", "transformer.h.#.attn.k_proj"),
                .init("attention.value", "transformer.h.#.attn.v_proj"),
                .init("attention.output", "transformer.h.#.attn.out_proj"),
                .init("feedForward.up", "transformer.h.#.mlp.fc_in"),
                .init("feedForward.down", "transformer.h.#.mlp.fc_out"),
            ], ignored: [".attn.bias", ".attn.masked_bias"])
    }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0]
        var config: JSONObject = [
            "architectures": .array([.string("GPTJForCausalLM")]), "model_type": .string("gptj"),
            "vocab_size": .integer(description.vocabularySize), "n_embd": .integer(description.width),
            "n_layer": .integer(description.layers.count), "n_head": .integer(layer.attention.heads), "n_inner": .integer(layer.feedForward.width),
            "activation_function": .string(layer.feedForward.activation.transformersName), "n_positions": .integer(description.contextLength),
            "layer_norm_epsilon": .decimal(description.norm.epsilon), "tie_word_embeddings": .bool(description.head!.tied),
        ]
        if case .rotary(let rotary) = description.position { config["rotary_dim"] = .integer(rotary.dimensions) }
        return config
    }
}
