extension Preset {
    /// A decoder of LayerNorm and plain GELU layers, F = 4C.
    private static func decoder(
        _ architecture: String, vocabulary: Int, _ width: Int, layers: Int, heads: Int, kvHeads: Int? = nil, context: Int = 2048,
        position: PositionEncoding, attentionBias: Bool = true, feedForward: Int? = nil, activation: FeedForwardDescription.Activation = .geluErf,
        feedForwardBias: Bool = true, mask: AttentionMask = .causal, topology: BlockTopology = .sequential(.pre), finalNorm: Bool = true,
        embedding: EmbeddingDescription = EmbeddingDescription(), head: HeadDescription
    ) -> DecoderDescription {
        let layer = LayerDescription(
            attention: AttentionDescription(
                heads: heads, kvHeads: kvHeads ?? heads, headSize: width / heads, mask: mask, inputBias: attentionBias, outputBias: attentionBias),
            feedForward: FeedForwardDescription(width: feedForward ?? 4 * width, kind: .plain, activation: activation, bias: feedForwardBias),
            topology: topology)
        return DecoderDescription(
            architecture: architecture, vocabularySize: vocabulary, width: width, contextLength: context, norm: .layer(epsilon: 1e-5),
            finalNorm: finalNorm, position: position, embedding: embedding, layers: Array(repeating: layer, count: layers), head: head)
    }

    private static let bytes = "byte-level BPE", scaled = "residual projections start smaller by √(2L)"

    private static func gpt2(_ family: String, _ size: String, _ width: Int, layers: Int, heads: Int, context: Int = 1024, measures: [String]) -> Preset {
        Preset(
            family, size, tokenizer: bytes, measures: measures,
            decoder(
                "gpt2", vocabulary: 50257, width, layers: layers, heads: heads, context: context, position: .learned(offset: 0), activation: .geluTanh,
                head: HeadDescription(tied: true)))
    }

    private static func neox(_ family: String, _ size: String, vocabulary: Int, _ width: Int, layers: Int, heads: Int) -> Preset {
        Preset(
            family, size, tokenizer: bytes, measures: ["gradient clipping 1.0"],
            decoder(
                "gpt_neox", vocabulary: vocabulary, width, layers: layers, heads: heads,
                position: .rotary(RotaryDescription(dimensions: width / heads / 4)), topology: .parallel(norms: .two), head: HeadDescription(tied: false)))
    }

    static let gpt: [Preset] = [
        gpt2("gpt2", "124m", 768, layers: 12, heads: 12, measures: [scaled]), gpt2("gpt2", "355m", 1024, layers: 24, heads: 16, measures: [scaled]),
        gpt2("gpt2", "774m", 1280, layers: 36, heads: 20, measures: [scaled]), gpt2("gpt2", "1.5b", 1600, layers: 48, heads: 25, measures: [scaled]),
        // Its layers are in turn dense and banded, which is not part of the description: the paper does not state the bands.
        gpt2("gpt-3", "175b", 12288, layers: 96, heads: 96, context: 2048, measures: [scaled, "gradient clipping 1.0"]),
        Preset(
            "gpt-j", "6b", tokenizer: bytes,
            decoder(
                "gptj", vocabulary: 50400, 4096, layers: 28, heads: 16, position: .rotary(RotaryDescription(style: .interleaved, dimensions: 64)),
                attentionBias: false, activation: .geluTanh, topology: .parallel(norms: .one), head: HeadDescription(tied: false, bias: true))),
        neox("gpt-neox", "20b", vocabulary: 50432, 6144, layers: 44, heads: 64),
        neox("pythia", "70m", vocabulary: 50304, 512, layers: 6, heads: 8), neox("pythia", "160m", vocabulary: 50304, 768, layers: 12, heads: 12),
        neox("pythia", "410m", vocabulary: 50304, 1024, layers: 24, heads: 16), neox("pythia", "1b", vocabulary: 50304, 2048, layers: 16, heads: 8),
        neox("pythia", "1.4b", vocabulary: 50304, 2048, layers: 24, heads: 16), neox("pythia", "2.8b", vocabulary: 50304, 2560, layers: 32, heads: 32),
        neox("pythia", "6.9b", vocabulary: 50432, 4096, layers: 32, heads: 32), neox("pythia", "12b", vocabulary: 50688, 5120, layers: 36, heads: 40),
    ]

    // MARK: Falcon, BLOOM, OPT

    private static func falcon(
        _ size: String, _ width: Int, layers: Int, heads: Int, kvHeads: Int, norms: BlockTopology.ParallelNorms, tied: Bool = true
    ) -> Preset {
        Preset(
            "falcon", size, tokenizer: bytes, measures: ["z-loss 1e-4"],
            decoder(
                "falcon", vocabulary: 65024, width, layers: layers, heads: heads, kvHeads: kvHeads,
                position: .rotary(RotaryDescription(dimensions: width / heads)), attentionBias: false, feedForwardBias: false,
                topology: .parallel(norms: norms), head: HeadDescription(tied: tied)))
    }

    static let falcon: [Preset] = [
        Preset(
            "falcon", "rw-1b", tokenizer: bytes,
            decoder(
                "falcon", vocabulary: 50304, 2048, layers: 24, heads: 32, position: .alibi(.beforeScalingInBF16), head: HeadDescription(tied: true))),
        falcon("7b", 4544, layers: 32, heads: 71, kvHeads: 1, norms: .one), falcon("40b", 8192, layers: 60, heads: 128, kvHeads: 8, norms: .two, tied: false),
        falcon("180b", 14848, layers: 80, heads: 232, kvHeads: 8, norms: .two, tied: false),
    ]

    private static func bloom(_ size: String, _ width: Int, layers: Int, heads: Int) -> Preset {
        Preset(
            "bloom", size, tokenizer: bytes, measures: ["gradient clipping 1.0"],
            decoder(
                "bloom", vocabulary: 250880, width, layers: layers, heads: heads, position: .alibi(.afterScaling), activation: .geluTanh,
                embedding: EmbeddingDescription(norm: true), head: HeadDescription(tied: true)))
    }

    static let bloom: [Preset] = [
        bloom("560m", 1024, layers: 24, heads: 16), bloom("1b1", 1536, layers: 24, heads: 16), bloom("1b7", 2048, layers: 24, heads: 16),
        bloom("3b", 2560, layers: 30, heads: 32), bloom("7b1", 4096, layers: 30, heads: 32), bloom("176b", 14336, layers: 70, heads: 112),
    ]

    private static func opt(_ size: String, _ width: Int, layers: Int, heads: Int) -> Preset {
        let isMiddle = size == "350m"
        return Preset(
            "opt", size, tokenizer: bytes, measures: ["restarts from before a spike"],
            decoder(
                "opt", vocabulary: 50272, width, layers: layers, heads: heads, position: .learned(offset: 2), activation: .relu,
                topology: .sequential(isMiddle ? .post : .pre), finalNorm: !isMiddle, embedding: EmbeddingDescription(width: isMiddle ? 512 : nil),
                head: HeadDescription(tied: true)))
    }

    static let opt: [Preset] = [
        opt("125m", 768, layers: 12, heads: 12), opt("350m", 1024, layers: 24, heads: 16), opt("1.3b", 2048, layers: 24, heads: 32),
        opt("2.7b", 2560, layers: 32, heads: 32), opt("6.7b", 4096, layers: 32, heads: 32), opt("13b", 5120, layers: 40, heads: 40),
        opt("30b", 7168, layers: 48, heads: 56), opt("66b", 9216, layers: 64, heads: 72), opt("175b", 12288, layers: 96, heads: 96),
    ]

    // MARK: XGLM, StarCoder2

    private static func xglm(_ size: String, _ width: Int, _ feedForward: Int, layers: Int, heads: Int = 16) -> Preset {
        Preset(
            "xglm", size, tokenizer: "SentencePiece unigram",
            decoder(
                "xglm", vocabulary: 256008, width, layers: layers, heads: heads, position: .sinusoidal(offset: 2), feedForward: feedForward,
                embedding: EmbeddingDescription(scale: Float(width).squareRoot()), head: HeadDescription(tied: true)))
    }

    static let xglm: [Preset] = [
        xglm("564m", 1024, 4096, layers: 24), xglm("1.7b", 2048, 8192, layers: 24), xglm("2.9b", 2048, 8192, layers: 48),
        xglm("4.5b", 2048, 16384, layers: 48), xglm("7.5b", 4096, 16384, layers: 32, heads: 32),
    ]

    private static func starCoder2(_ size: String, _ width: Int, layers: Int, heads: Int, kvHeads: Int, base: Double, tied: Bool) -> Preset {
        Preset(
            "starcoder2", size, tokenizer: bytes,
            decoder(
                "starcoder2", vocabulary: 49152, width, layers: layers, heads: heads, kvHeads: kvHeads, context: 16384,
                position: .rotary(RotaryDescription(base: base, dimensions: width / heads)), activation: .geluTanh, mask: .window(4096),
                head: HeadDescription(tied: tied)))
    }

    static let starCoder2: [Preset] = [
        starCoder2("3b", 3072, layers: 30, heads: 24, kvHeads: 2, base: 999999.4420358813, tied: true),
        starCoder2("7b", 4608, layers: 32, heads: 36, kvHeads: 4, base: 1_000_000, tied: true),
        starCoder2("15b", 6144, layers: 40, heads: 48, kvHeads: 4, base: 100_000, tied: false),
    ]
}
