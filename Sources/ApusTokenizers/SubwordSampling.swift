import ApusBase

/// How a text falls into tokens at random, so that a model in training meets the same words in several segmentations.
public enum SubwordSampling: Sendable, Equatable {
    /// BPE-dropout (Provilkov et al. 2020): whenever a merge could be done it is passed over with this probability, from 0 to 1; a word is
    /// done when all that could be done was passed over.
    case dropout(Double)
    /// Unigram sampling (Kudo 2018) from all segmentations of a word: the probability is that of the tokens to the power of `smoothing`, above
    /// 0. Smaller ones choose more freely; as it grows the best segmentation alone is left.
    case unigram(smoothing: Double)
}

extension Tokenizer {
    /// The ids of a text, drawn at random. The same seed gives the same ids.
    ///
    /// - Throws: an `InputError` when the number is out of its range, or the tokenizer is of another kind.
    public func encode(
        _ text: String, sampling: SubwordSampling, seed: UInt64, addSpecial: Bool = true, parseSpecial: Bool = false
    ) throws(InputError) -> [Int32] {
        try encode(Array(text.utf8), sampling: sampling, seed: seed, addSpecial: addSpecial, parseSpecial: parseSpecial)
    }

    /// The ids of the bytes of a text, drawn at random.
    public func encode(
        _ bytes: [UInt8], sampling: SubwordSampling, seed: UInt64, addSpecial: Bool = true, parseSpecial: Bool = false
    ) throws(InputError) -> [Int32] {
        let dice = Dice(seed: seed)
        func run(_ words: some WordModel) -> [Int32] {
            bytes.withUnsafeBufferPointer {
                self.run($0, addSpecial, parseSpecial, SampledEncoder(words, byteCount: $0.count))
            }
        }
        switch (sampling, parts.model) {
        case (.dropout(let probability), .byteLevelBPE(let model)):
            return run(ByteLevelWords(model, dropout: try Self.dropout(probability, dice)))
        case (.dropout(let probability), .characterBPE(let model)):
            return run(CharacterWords(model, dropout: try Self.dropout(probability, dice)))
        case (.unigram(let smoothing), .unigram(let model)):
            guard smoothing > 0, smoothing.isFinite else {
                throw InputError("unigram sampling", "the smoothing must be above 0, not \(smoothing)")
            }
            return run(SampledUnigramWords(model, smoothing: smoothing, dice))
        case (.dropout, _):
            throw InputError("BPE-dropout", "the tokenizer has no merges", remedy: "use unigram sampling if it is a unigram tokenizer")
        case (.unigram, _):
            throw InputError("unigram sampling", "the tokenizer is no unigram model", remedy: "use dropout if it is a byte-pair encoding")
        }
    }

    private static func dropout(_ probability: Double, _ dice: Dice) throws(InputError) -> MergeDropout {
        guard (0...1).contains(probability) else {
            throw InputError("BPE-dropout", "a probability is from 0 to 1, not \(probability)")
        }
        return MergeDropout(probability: probability, dice: dice)
    }
}

/// Which merges are passed over. It belongs to one thread.
final class MergeDropout {
    private let probability: Double
    private var dice: Dice

    init(probability: Double, dice: Dice) {
        self.probability = probability
        self.dice = dice
    }

    func passesOver() -> Bool { dice.uniform() < probability }
}

/// Random numbers that a seed repeats (SplitMix64, Steele et al. 2014).
struct Dice {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// From 0 up to but not 1.
    mutating func uniform() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return Double((mixed ^ mixed >> 31) >> 11) * 0x1p-53
    }
}

/// Encodes piece by piece and remembers nothing, since a word has other tokens each time.
final class SampledEncoder<Words: WordModel>: PieceEncoder {
    @exclusivity(unchecked) var output: TokenBuffer
    private let words: Words

    init(_ words: Words, byteCount: Int) {
        self.words = words
        output = TokenBuffer(capacity: byteCount / 2 + 64)
    }

    deinit { output.deallocate() }

    func encode(_ piece: Range<UnsafePointer<UInt8>>, readableEnd: UnsafePointer<UInt8>) {
        let first = output.count
        var p = piece.lowerBound
        while p < piece.upperBound {
            let next = min(words.wordEnd(p, piece.upperBound), p + PairMerger.longestPiece)
            let count = words.encode(p, next - p)
            let isFused =
                count > 0 && output.count > first && words.fusedToken >= 0 && words.tokens[0] == UInt32(words.fusedToken)
                && output.tokens[output.count - 1] == words.fusedToken
            output.append(words.tokens + (isFused ? 1 : 0), count - (isFused ? 1 : 0))
            p = next
        }
    }
}
