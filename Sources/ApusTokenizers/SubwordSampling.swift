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
        let dice = SplitMix64(seed: seed)
        func run(_ words: some WordModel) -> [Int32] {
            bytes.withUnsafeBufferPointer {
                self.run($0, addSpecial, parseSpecial, UncachedEncoder(words, byteCount: $0.count))
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

    private static func dropout(_ probability: Double, _ dice: SplitMix64) throws(InputError) -> MergeDropout {
        guard (0...1).contains(probability) else {
            throw InputError("BPE-dropout", "a probability is from 0 to 1, not \(probability)")
        }
        return MergeDropout(probability: probability, dice: dice)
    }
}

/// Which merges are passed over. It belongs to one thread.
final class MergeDropout {
    private let probability: Double
    private var dice: SplitMix64

    init(probability: Double, dice: SplitMix64) {
        self.probability = probability
        self.dice = dice
    }

    func passesOver() -> Bool { dice.uniform() < probability }
}
