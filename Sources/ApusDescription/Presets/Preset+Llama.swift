extension Preset {
    /// A decoder of LLaMA's kind.
    static func llamaLike(
        _ architecture: String, vocabulary: Int, _ width: Int, _ feedForward: Int, layers: Int, heads: Int, kvHeads: Int? = nil, headSize: Int? = nil,
        context: Int, epsilon: Float, base: Double = 10000, scaling: RotaryDescription.Scaling = .none, tied: Bool = false, window: Int? = nil,
        inputBias: Bool = false, normsHeads: Bool = false
    ) -> DecoderDescription {
        let size = headSize ?? width / heads, norm = NormKind.rms(epsilon: epsilon)
        let layer = LayerDescription(
            attention: AttentionDescription(
                heads: heads, kvHeads: kvHeads ?? heads, headSize: size, mask: window.map { .window($0) } ?? .causal, inputBias: inputBias,
                queryKeyNorm: normsHeads ? norm : nil),
            feedForward: FeedForwardDescription(width: feedForward))
        return DecoderDescription(
            architecture: architecture, vocabularySize: vocabulary, width: width, contextLength: context, norm: norm,
            position: .rotary(RotaryDescription(base: base, scaling: scaling, dimensions: size)), layers: Array(repeating: layer, count: layers),
            head: HeadDescription(tied: tied))
    }

    private static let pieces = "SentencePiece BPE with bytes", bytes = "byte-level BPE"
    private static let clipped = ["gradient clipping 1.0"]

    private static func first(_ size: String, _ width: Int, _ feedForward: Int, layers: Int, heads: Int) -> Preset {
        Preset(
            "llama", size, tokenizer: pieces, measures: clipped,
            llamaLike("llama", vocabulary: 32000, width, feedForward, layers: layers, heads: heads, context: 2048, epsilon: 1e-6))
    }

    private static func second(_ size: String, _ width: Int, _ feedForward: Int, layers: Int, heads: Int, kvHeads: Int? = nil) -> Preset {
        Preset(
            "llama-2", size, tokenizer: pieces, measures: clipped,
            llamaLike("llama", vocabulary: 32000, width, feedForward, layers: layers, heads: heads, kvHeads: kvHeads, context: 4096, epsilon: 1e-5))
    }

    private static func third(
        _ version: String, _ size: String, _ width: Int, _ feedForward: Int, layers: Int, heads: Int, factor: Double? = nil, tied: Bool = false
    ) -> Preset {
        let scaling = factor.map {
            RotaryDescription.Scaling.llama3(factor: $0, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192)
        }
        return Preset(
            version, size, tokenizer: bytes,
            llamaLike(
                "llama", vocabulary: 128256, width, feedForward, layers: layers, heads: heads, kvHeads: 8, context: factor == nil ? 8192 : 131072,
                epsilon: 1e-5, base: 500_000, scaling: scaling ?? .none, tied: tied))
    }

    private static func smol(_ size: String, _ width: Int, _ feedForward: Int, layers: Int, heads: Int, kvHeads: Int, base: Double) -> Preset {
        Preset(
            "smollm2", size, tokenizer: bytes,
            llamaLike(
                "llama", vocabulary: 49152, width, feedForward, layers: layers, heads: heads, kvHeads: kvHeads, context: 8192, epsilon: 1e-5,
                base: base, tied: true))
    }

    private static func phi(_ size: String, _ width: Int, _ feedForward: Int, layers: Int, heads: Int) -> Preset {
        Preset(
            "phi-3", size, tokenizer: pieces,
            llamaLike(
                "phi3", vocabulary: 32064, width, feedForward, layers: layers, heads: heads, context: 4096, epsilon: 1e-5, window: 2047))
    }

    static let llama: [Preset] = [
        // The size of llama2.c's stories15M, for first runs of training.
        Preset(
            "llama", "15m", tokenizer: pieces, measures: clipped,
            llamaLike("llama", vocabulary: 32000, 288, 768, layers: 6, heads: 6, context: 256, epsilon: 1e-5, tied: true)),
        first("7b", 4096, 11008, layers: 32, heads: 32), first("13b", 5120, 13824, layers: 40, heads: 40),
        first("33b", 6656, 17920, layers: 60, heads: 52), first("65b", 8192, 22016, layers: 80, heads: 64),
        second("7b", 4096, 11008, layers: 32, heads: 32), second("13b", 5120, 13824, layers: 40, heads: 40),
        second("70b", 8192, 28672, layers: 80, heads: 64, kvHeads: 8),
        third("llama-3", "8b", 4096, 14336, layers: 32, heads: 32), third("llama-3", "70b", 8192, 28672, layers: 80, heads: 64),
        third("llama-3.1", "8b", 4096, 14336, layers: 32, heads: 32, factor: 8),
        third("llama-3.1", "70b", 8192, 28672, layers: 80, heads: 64, factor: 8),
        third("llama-3.1", "405b", 16384, 53248, layers: 126, heads: 128, factor: 8),
        third("llama-3.2", "1b", 2048, 8192, layers: 16, heads: 32, factor: 32, tied: true),
        third("llama-3.2", "3b", 3072, 8192, layers: 28, heads: 24, factor: 32, tied: true),
        Preset(
            "mistral", "7b", tokenizer: pieces,
            llamaLike(
                "mistral", vocabulary: 32000, 4096, 14336, layers: 32, heads: 32, kvHeads: 8, context: 32768, epsilon: 1e-5, window: 4096)),
        smol("135m", 576, 1536, layers: 30, heads: 9, kvHeads: 3, base: 100_000), smol("360m", 960, 2560, layers: 32, heads: 15, kvHeads: 5, base: 100_000),
        smol("1.7b", 2048, 8192, layers: 24, heads: 32, kvHeads: 32, base: 130_000),
        phi("mini", 3072, 8192, layers: 32, heads: 32),
    ]
}
