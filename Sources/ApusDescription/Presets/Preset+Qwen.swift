extension Preset {
    /// Contexts and epsilons are those of the instructed models.
    private static func second(
        _ family: String, _ size: String, _ width: Int, _ feedForward: Int, layers: Int, heads: Int, kvHeads: Int, vocabulary: Int = 152064,
        tied: Bool = false
    ) -> Preset {
        Preset(
            family, size, tokenizer: "byte-level BPE",
            llamaLike(
                "qwen2", vocabulary: vocabulary, width, feedForward, layers: layers, heads: heads, kvHeads: kvHeads, context: 32768, epsilon: 1e-6,
                base: 1_000_000, tied: tied, inputBias: true))
    }

    private static func third(_ size: String, _ width: Int, _ feedForward: Int, layers: Int, heads: Int, tied: Bool = false) -> Preset {
        Preset(
            "qwen3", size, tokenizer: "byte-level BPE",
            llamaLike(
                "qwen3", vocabulary: 151936, width, feedForward, layers: layers, heads: heads, kvHeads: 8, headSize: 128, context: 40960, epsilon: 1e-6,
                base: 1_000_000, tied: tied, normsHeads: true))
    }

    static let qwen: [Preset] =
        ["qwen2", "qwen2.5"].flatMap { family in
            [
                second(family, "0.5b", 896, 4864, layers: 24, heads: 14, kvHeads: 2, vocabulary: 151936, tied: true),
                second(family, "1.5b", 1536, 8960, layers: 28, heads: 12, kvHeads: 2, vocabulary: 151936, tied: true),
                second(family, "7b", 3584, 18944, layers: 28, heads: 28, kvHeads: 4),
                second(family, "72b", 8192, 29568, layers: 80, heads: 64, kvHeads: 8),
            ]
        } + [
            second("qwen2.5", "3b", 2048, 11008, layers: 36, heads: 16, kvHeads: 2, vocabulary: 151936, tied: true),
            second("qwen2.5", "14b", 5120, 13824, layers: 48, heads: 40, kvHeads: 8), second("qwen2.5", "32b", 5120, 27648, layers: 64, heads: 40, kvHeads: 8),
            third("0.6b", 1024, 3072, layers: 28, heads: 16, tied: true), third("1.7b", 2048, 6144, layers: 28, heads: 16, tied: true),
            third("4b", 2560, 9728, layers: 36, heads: 32, tied: true), third("8b", 4096, 12288, layers: 36, heads: 32),
            third("14b", 5120, 17408, layers: 40, heads: 40), third("32b", 5120, 25600, layers: 64, heads: 64),
        ]
}
