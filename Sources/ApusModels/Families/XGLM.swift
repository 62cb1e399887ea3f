import ApusBase
import ApusDescription

/// XGLM (Lin et al. 2021): sinusoidal positions from the third on, added to embeddings scaled by √C.
enum XGLM: ConfiguredFamily {
    static let modelTypes: Set<String> = ["xglm"]

    static func description(of config: inout ConfigReader) throws(InputError) -> DecoderDescription {
        config.ignore("activation_dropout", "init_std")
        let heads = try config.heads("attention_heads"), width = try config.width("d_model", heads: heads)
        guard width >= 4, width % 2 == 0 else { throw config.error("d_model", "\(width) is odd or below 4, and sinusoidal positions need pairs") }
        // The table's row of that number is zero.
        let padding = try config.int("pad_token_id", in: 0...1 << 31) ?? 1
        guard padding < 2 else { throw config.error("pad_token_id", "\(padding) would blank a position", remedy: "only 0 and 1 are supported") }
        let layer = LayerDescription(
            attention: AttentionDescription(heads: heads, kvHeads: heads, headSize: width / heads, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(
                width: try config.requiredInt("ffn_dim"), kind: .plain, activation: try config.activation("activation_function", default: "gelu"),
                bias: true))
        let isScaled = try config.bool("scale_embedding") ?? true
        return DecoderDescription(
            architecture: "xglm", vocabularySize: try config.requiredInt("vocab_size"), width: width,
            contextLength: try config.int("max_position_embeddings") ?? 2048, norm: .layer(epsilon: 1e-5), position: .sinusoidal(offset: 2),
            embedding: EmbeddingDescription(scale: isScaled ? Float(width).squareRoot() : 1),
            layers: Array(repeating: layer, count: try config.layerCount("num_layers")),
            head: HeadDescription(tied: try config.bool("tie_word_embeddings") ?? true))
    }

    static func dropout(of config: inout ConfigReader) throws(InputError) -> DropoutDescription {
        let residual = try config.rate("dropout")
        return DropoutDescription(
            embedding: residual, attentionWeights: try config.rate("attention_dropout"), attentionOutput: residual, feedForwardOutput: residual,
            activation: try config.rate("activation_dropout"))
    }

    static func layout(of description: DecoderDescription) -> CheckpointLayout {
        let layer = "model.layers.#.", attention = layer + "self_attn."
        return CheckpointLayout(
            outer: [.init("embedding", "model.embed_tokens"), .init("norm", "model.layer_norm"), .init("head", "lm_head")],
            inner: [
                .init("attentionNorm", layer + "self_attn_layer_norm"),
                .init("attention.query", attention + "q_proj"),
                .init("attention.key", attention + "k_proj"),
                .init("attention.value", attention + "v_proj"),
                .init("attention.output", attention + "out_proj"),
                .init("feedForwardNorm", layer + "final_layer_norm"),
                .init("feedForward.up", layer + "fc1"),
                .init("feedForward.down", layer + "fc2"),
            ], optionalPrefix: "model.", ignored: ["embed_positions.weights"])
    }

    static func config(of source: ModelSource) throws(InputError) -> JSONObject {
        let description = source.description, layer = description.layers[0]
        return [
            "architectures": .array([.string("XGLMForCausalLM")]), "model_type": .string("xglm"),
            "vocab_size": .integer(description.vocabularySize), "d_model": .integer(description.width),
            "num_layers": .integer(description.layers.count), "attention_heads": .integer(layer.attention.heads),
            "ffn_dim": .integer(layer.feedForward.width), "activation_function": .string(layer.feedForward.activation.transformersName),
            "max_position_embeddings": .integer(description.contextLength), "scale_embedding": .bool(description.embedding.scale != 1),
            "tie_word_embeddings": .bool(description.head!.tied),
        ]
    }
}
