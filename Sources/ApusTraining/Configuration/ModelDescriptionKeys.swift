import ApusDescription

/// The keys of section `model` that describe a model of its own, at first a LLaMA of 15.2 M parameters.
package struct ModelDescriptionKeys: Equatable, Sendable {
    package enum Norm: String, ConfigurationChoice { case rms, layer }
    package enum NormOrder: String, ConfigurationChoice { case pre, post, sandwich, deep_norm, normed_residual }
    package enum Topology: String, ConfigurationChoice { case sequential, parallel, parallel_two_norms }
    package enum Position: String, ConfigurationChoice { case rotary, rotary_2d, learned, sinusoidal, alibi, none }
    package enum RotaryStyle: String, ConfigurationChoice { case half_split, interleaved }
    package enum Mask: String, ConfigurationChoice { case causal, prefix, full }
    package enum Activation: String, ConfigurationChoice { case silu, gelu, gelu_tanh, relu }

    package var architecture = "llama"
    package var vocabularySize = 32000
    package var width = 288
    package var layers = 6
    package var heads = 6
    package var keyValueHeads: Int?
    package var headSize: Int?
    package var feedForwardWidth: Int?
    package var contextLength = 256
    package var gated = true
    package var activation = Activation.silu
    package var norm = Norm.rms
    package var normEpsilon = 1e-5
    package var normPlacement = NormOrder.pre
    package var topology = Topology.sequential
    package var position = Position.rotary
    package var positionOffset = 0
    package var rotaryBase = 10000.0
    package var rotaryFraction = 1.0
    package var rotaryStyle = RotaryStyle.half_split
    package var mask = Mask.causal
    package var window: Int?
    package var attentionInputBias = false
    package var attentionOutputBias = false
    package var feedForwardBias = false
    package var queryKeyNorm = false
    package var embeddingNorm = false
    package var scaleEmbedding = false
    package var tied = true
    package var headBias = false

    package init() {}
}

extension ModelDescriptionKeys: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] { sizes + blocks }

    /// With the greatest of all, the bytes of weights and moments and the operations of a token are numbers of 64 bits.
    private static var sizes: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("architecture", \.architecture, "the family whose files the finished model is written as"),
            ConfigurationKey("vocabulary_size", \.vocabularySize, .between(2, 1 << 24), "rows of the embedding"),
            ConfigurationKey("width", \.width, .between(1, 1 << 17), "elements of the residual stream"),
            ConfigurationKey("layers", \.layers, .between(1, 4096), "blocks"),
            ConfigurationKey("heads", \.heads, .between(1, 4096), "heads of queries"),
            ConfigurationKey("key_value_heads", \.keyValueHeads, .optional(.between(1, 4096)), "heads of keys and values; null: as many as `heads`"),
            ConfigurationKey("head_size", \.headSize, .optional(.between(1, 4096)), "elements of a head; null: width / heads"),
            ConfigurationKey(
                "feed_forward_width", \.feedForwardWidth, .optional(.between(1, 1 << 20)),
                "inner width of the feed-forward network; null: 8/3 of the width, rounded up to a multiple of 32, with a gate and 4 times the width without"),
            ConfigurationKey("context_length", \.contextLength, .between(1, 1 << 24), "positions that the model is made for"),
            ConfigurationKey("tied", \.tied, "the output projection is the embedding"),
            ConfigurationKey("head_bias", \.headBias, "a bias of each logit (GPT-J)"),
        ]
    }

    private static var blocks: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("gated", \.gated, "the feed-forward network has a gate (SwiGLU and kin)"),
            ConfigurationKey("activation", \.activation, "what inner values, or the gate's, go through"),
            ConfigurationKey("feed_forward_bias", \.feedForwardBias, "biases of the feed-forward projections"),
            ConfigurationKey("norm", \.norm, "RMSNorm or LayerNorm"),
            ConfigurationKey("norm_epsilon", \.normEpsilon, .from(1e-30, below: 1), "what keeps the norms' divisors above 0"),
            ConfigurationKey("norm_placement", \.normPlacement, "where norms stand in sequential blocks"),
            ConfigurationKey("topology", \.topology, "attention and feed-forward network one after the other, or both from one residual"),
            ConfigurationKey("position", \.position, "how the model learns where tokens stand"),
            ConfigurationKey(
                "position_offset", \.positionOffset, .between(0, 65536),
                "rows of learned or sinusoidal positions that stand before the first one's (OPT, XGLM: 2)"),
            ConfigurationKey("rotary_base", \.rotaryBase, .between(1, 1e16), "base of the rotary angles"),
            ConfigurationKey("rotary_fraction", \.rotaryFraction, .between(0.01, 1), "part of each head that turns"),
            ConfigurationKey("rotary_style", \.rotaryStyle, "which elements of a head turn together"),
            ConfigurationKey("mask", \.mask, "which keys a query sees"),
            ConfigurationKey("window", \.window, .optional(.between(1, 1 << 24)), "positions that a query sees at most, its own included; null: all"),
            ConfigurationKey("attention_input_bias", \.attentionInputBias, "biases of the query, key and value projections"),
            ConfigurationKey("attention_output_bias", \.attentionOutputBias, "bias of attention's output projection"),
            ConfigurationKey("query_key_norm", \.queryKeyNorm, "norms of query and key heads"),
            ConfigurationKey("embedding_norm", \.embeddingNorm, "a norm after the embedding (BLOOM)"),
            ConfigurationKey("scale_embedding", \.scaleEmbedding, "rows of the embedding are multiplied by the root of the width (Gemma, XGLM)"),
        ]
    }
}
