/// Encoders, alone and with a decoder.
extension Preset {
    // MARK: BERT

    /// - Parameter padding: the id behind whose number RoBERTa's positions start; nil: BERT's.
    private static func bert(
        _ family: String, _ size: String, vocabulary: Int = 30522, _ width: Int, layers: Int, heads: Int,
        padding: Int? = nil, tokenizer: String = "WordPiece"
    ) -> Preset {
        let layer = LayerDescription(
            attention: AttentionDescription(heads: heads, kvHeads: heads, headSize: width / heads, mask: .full, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(width: 4 * width, kind: .plain, activation: .geluErf, bias: true), topology: .sequential(.post))
        return Preset(
            family, size, tokenizer: tokenizer,
            DecoderDescription(
                architecture: padding == nil ? "bert" : family, vocabularySize: vocabulary, width: width, contextLength: 512,
                norm: .layer(epsilon: padding == nil ? 1e-12 : 1e-5), finalNorm: false, position: .learned(offset: padding.map { $0 + 1 } ?? 0),
                embedding: EmbeddingDescription(norm: true, tokenTypes: padding == nil ? 2 : 1), layers: Array(repeating: layer, count: layers), head: nil))
    }

    private static let unigram = "SentencePiece unigram"

    static let bert: [Preset] = [
        bert("bert", "base", 768, layers: 12, heads: 12), bert("bert", "large", 1024, layers: 24, heads: 16),
        bert("minilm", "l6-v2", 384, layers: 6, heads: 12),
        bert("roberta", "base", vocabulary: 50265, 768, layers: 12, heads: 12, padding: 1, tokenizer: "byte-level BPE"),
        bert("roberta", "large", vocabulary: 50265, 1024, layers: 24, heads: 16, padding: 1, tokenizer: "byte-level BPE"),
        bert("xlm-roberta", "base", vocabulary: 250002, 768, layers: 12, heads: 12, padding: 1, tokenizer: unigram),
        bert("xlm-roberta", "large", vocabulary: 250002, 1024, layers: 24, heads: 16, padding: 1, tokenizer: unigram),
    ]

    // MARK: T5

    /// The first T5 has plain networks and one table for embedding and head; what came after, gated ones and a head of its own.
    private static func t5(
        _ family: String, _ size: String, vocabulary: Int = 32128, _ width: Int, _ feedForward: Int, layers: Int, heads: Int, headSize: Int = 64
    ) -> Preset {
        let isFirst = family == "t5"
        func positions(_ isBidirectional: Bool) -> PositionEncoding {
            .relative(RelativePosition(buckets: 32, maxDistance: 128, isBidirectional: isBidirectional))
        }
        func attention(_ mask: AttentionMask) -> AttentionDescription {
            AttentionDescription(heads: heads, kvHeads: heads, headSize: headSize, mask: mask, scale: 1)
        }
        let network = FeedForwardDescription(width: feedForward, kind: isFirst ? .plain : .gated, activation: isFirst ? .relu : .geluTanh)
        let decoder = LayerDescription(attention: attention(.causal), crossAttention: attention(.full), feedForward: network)
        let encoder = LayerDescription(attention: attention(.full), feedForward: network)
        return Preset(
            family, size, tokenizer: unigram,
            DecoderDescription(
                architecture: family == "mt5" ? "mt5" : "t5", vocabularySize: vocabulary, width: width, contextLength: 512, norm: .rms(epsilon: 1e-6),
                position: positions(false), layers: Array(repeating: decoder, count: layers),
                head: HeadDescription(tied: isFirst, scale: isFirst ? 1 / Float(width).squareRoot() : 1),
                encoder: EncoderDescription(layers: Array(repeating: encoder, count: layers), position: positions(true), startToken: 0)))
    }

    static let t5: [Preset] =
        [
            t5("t5", "small", 512, 2048, layers: 6, heads: 8), t5("t5", "base", 768, 3072, layers: 12, heads: 12),
            t5("t5", "large", 1024, 4096, layers: 24, heads: 16), t5("t5", "3b", 1024, 16384, layers: 24, heads: 32, headSize: 128),
            t5("t5", "11b", 1024, 65536, layers: 24, heads: 128, headSize: 128),
        ]
        + [("flan-t5", 32128), ("mt5", 250112)].flatMap { family, vocabulary in
            [
                t5(family, "small", vocabulary: vocabulary, 512, 1024, layers: 8, heads: 6),
                t5(family, "base", vocabulary: vocabulary, 768, 2048, layers: 12, heads: 12),
                t5(family, "large", vocabulary: vocabulary, 1024, 2816, layers: 24, heads: 16),
                t5(family, "xl", vocabulary: vocabulary, 2048, 5120, layers: 24, heads: 32),
                t5(family, "xxl", vocabulary: vocabulary, 4096, 10240, layers: 24, heads: 64),
            ]
        }
}
