extension Preset {
    private static let rms = NormKind.rms(epsilon: 1e-5)

    /// ChatGLM2 and what came after it: half of each head turns in pairs, two groups of queries.
    private static func later(
        _ family: String, _ size: String, _ architecture: String, vocabulary: Int, layers: Int, context: Int, epsilon: Float, tokenizer: String
    ) -> Preset {
        let layer = LayerDescription(
            attention: AttentionDescription(heads: 32, kvHeads: 2, headSize: 128, inputBias: true),
            feedForward: FeedForwardDescription(width: 13696))
        return Preset(
            family, size, tokenizer: tokenizer,
            DecoderDescription(
                architecture: architecture, vocabularySize: vocabulary, width: 4096, contextLength: context, norm: .rms(epsilon: epsilon),
                position: .rotary(RotaryDescription(style: .interleaved, dimensions: 64)), layers: Array(repeating: layer, count: layers),
                head: HeadDescription(tied: false)))
    }

    /// Positions in two channels, the normed residual.
    private static var chatGLM: DecoderDescription {
        let layer = LayerDescription(
            attention: AttentionDescription(heads: 32, kvHeads: 32, headSize: 128, mask: .prefix, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(width: 16384, kind: .plain, activation: .geluTanh, bias: true),
            topology: .sequential(.normedResidual(scale: Float(56).squareRoot())))
        return DecoderDescription(
            architecture: "chatglm", vocabularySize: 130528, width: 4096, contextLength: 2048, norm: .layer(epsilon: 1e-5),
            position: .rotary2D(RotaryDescription(dimensions: 64, roundsFrequencies: true)), layers: Array(repeating: layer, count: 28),
            head: HeadDescription(tied: true), infilling: InfillingTokens(start: 130004, masks: [130001, 130000]))
    }

    /// The released code norms before each sublayer and adds α times what it normed; seen from the sum that is DeepNorm, behind a norm of the
    /// embedding.
    private static var glm130B: DecoderDescription {
        let layer = LayerDescription(
            attention: AttentionDescription(heads: 96, kvHeads: 96, headSize: 128, mask: .prefix, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(width: 32768, kind: .gated, activation: .geluErf, bias: true),
            topology: .sequential(.deepNorm(scale: Float(140).squareRoot())))
        return DecoderDescription(
            architecture: "glm-130b", vocabularySize: 150528, width: 12288, contextLength: 2048, norm: .layer(epsilon: 1e-5), finalNorm: false,
            position: .rotary(RotaryDescription(dimensions: 128)), embedding: EmbeddingDescription(norm: true),
            layers: Array(repeating: layer, count: 70), head: HeadDescription(tied: true))
    }

    static let glm: [Preset] = [
        Preset("chatglm", "6b", tokenizer: "SentencePiece", chatGLM),
        later("chatglm2", "6b", "chatglm", vocabulary: 65024, layers: 28, context: 32768, epsilon: 1e-5, tokenizer: "SentencePiece BPE with bytes"),
        later("chatglm3", "6b", "chatglm", vocabulary: 65024, layers: 28, context: 8192, epsilon: 1e-5, tokenizer: "SentencePiece BPE with bytes"),
        later("glm-4", "9b", "glm", vocabulary: 151552, layers: 40, context: 131072, epsilon: 1.5625e-7, tokenizer: "byte-level BPE"),
        Preset("glm", "130b", tokenizer: "SentencePiece", measures: ["gradient of the embedding × 0.1", "softmax in f32"], glm130B),
    ]
}
