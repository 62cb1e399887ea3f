extension Preset {
    /// - Parameters:
    ///   - scalar: whose root divides the scores; nil: Gemma 1.
    ///   - pattern: every so-manieth layer sees all.
    private static func gemma(
        _ family: String, _ size: String, _ width: Int, _ feedForward: Int, layers: Int, heads: Int, kvHeads: Int, headSize: Int = 256,
        vocabulary: Int = 256000, context: Int = 8192, scalar: Float? = nil, window: Int = 4096, pattern: Int = 1
    ) -> Preset {
        let norm = NormKind.rms(epsilon: 1e-6, offset: 1), isThird = family == "gemma-3", isSecond = family == "gemma-2"
        func rotary(_ base: Double) -> PositionEncoding { .rotary(RotaryDescription(base: base, dimensions: headSize)) }
        let all = (1...layers).map { number in
            let isLocal = number % pattern != 0
            return LayerDescription(
                attention: AttentionDescription(
                    heads: heads, kvHeads: kvHeads, headSize: headSize, mask: isLocal ? .window(window) : .causal, queryKeyNorm: isThird ? norm : nil,
                    scale: scalar.map { 1 / $0.squareRoot() }, softCap: isSecond ? 50 : nil),
                feedForward: FeedForwardDescription(width: feedForward, activation: .geluTanh),
                topology: .sequential(scalar == nil ? .pre : .sandwich), position: isThird && isLocal ? rotary(10000) : nil)
        }
        return Preset(
            family, size, tokenizer: "SentencePiece BPE with bytes",
            DecoderDescription(
                architecture: isThird ? "gemma3_text" : isSecond ? "gemma2" : "gemma", vocabularySize: vocabulary, width: width,
                contextLength: context, norm: norm, position: rotary(isThird ? 1_000_000 : 10000),
                embedding: EmbeddingDescription(scale: Float(width).squareRoot()), layers: all,
                head: HeadDescription(tied: true, softCap: isSecond ? 30 : nil)))
    }

    static let gemma: [Preset] = [
        gemma("gemma", "2b", 2048, 16384, layers: 18, heads: 8, kvHeads: 1), gemma("gemma", "7b", 3072, 24576, layers: 28, heads: 16, kvHeads: 16),
        gemma("gemma-2", "2b", 2304, 9216, layers: 26, heads: 8, kvHeads: 4, scalar: 256, pattern: 2),
        gemma("gemma-2", "9b", 3584, 14336, layers: 42, heads: 16, kvHeads: 8, scalar: 256, pattern: 2),
        gemma("gemma-2", "27b", 4608, 36864, layers: 46, heads: 32, kvHeads: 16, headSize: 128, scalar: 144, pattern: 2),
        gemma(
            "gemma-3", "270m", 640, 2048, layers: 18, heads: 4, kvHeads: 1, vocabulary: 262144, context: 32768, scalar: 256, window: 512, pattern: 6),
        gemma("gemma-3", "1b", 1152, 6912, layers: 26, heads: 4, kvHeads: 1, vocabulary: 262144, context: 32768, scalar: 256, window: 512, pattern: 6),
    ]
}
