import ApusBase

/// Trains a tokenizer on files of text.
///
/// Texts are read line by line, each with its line end, and split into words, whose counts are all that is learnt from; so the result
/// depends neither on the order of the files nor on the number of threads.
public struct TokenizerTrainer: Sendable {
    /// The kinds of tokenizer that can be trained.
    public enum Kind: String, Sendable, CaseIterable {
        /// Byte-pair encoding over bytes with GPT-2's pattern (Radford et al. 2019): every text can be encoded and comes back whole.
        case bpe
        /// BERT's, uncased (Devlin et al. 2019): trained by merging the most frequent pair, as Hugging Face tokenizers does.
        case wordpiece
        /// The unigram language model (Kudo 2018), over text in NFKC with U+2581 for spaces, as SentencePiece has it.
        case unigram
    }

    /// What is trained.
    public var kind: Kind
    /// The number of tokens to make, the special ones included.
    public var vocabularySize: Int
    /// Special tokens that follow the kind's own.
    public var specialTokens: [String]
    /// How often a pair must occur to be merged; a unigram model has no such bound.
    public var minimumFrequency: Int
    /// The threads that read, count and compute.
    public var threads: Int

    /// - Parameters:
    ///   - kind: what is trained.
    ///   - vocabularySize: the number of tokens to make, the special ones included.
    ///   - specialTokens: special tokens that follow the kind's own: `<|endoftext|>`; `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, `[MASK]`; `<unk>`,
    ///     `<s>`, `</s>`.
    ///   - minimumFrequency: how often a pair must occur to be merged.
    ///   - threads: the threads that read, count and compute.
    public init(kind: Kind, vocabularySize: Int, specialTokens: [String] = [], minimumFrequency: Int = 2, threads: Int = 1) {
        self.kind = kind
        self.vocabularySize = vocabularySize
        self.specialTokens = specialTokens
        self.minimumFrequency = minimumFrequency
        self.threads = threads
    }

    /// Trains on the texts of the files.
    ///
    /// - Parameter files: paths of files in UTF-8.
    /// - Returns: the tokenizer, with fewer tokens than asked for where the texts give no more.
    /// - Throws: an `InputError` for a file that cannot be read or is not UTF-8, for special tokens that are empty or equal, and for a
    ///   vocabulary too small for the characters of the texts.
    public func train(files: [String]) throws(InputError) -> TrainedTokenizer {
        let special = try allSpecialTokens()
        let corpus = try TrainingCorpus(paths: files)
        switch kind {
        case .bpe: return try trainByteLevel(corpus, special)
        case .wordpiece: return try trainWordPiece(corpus, special)
        case .unigram: return try trainUnigram(corpus, special)
        }
    }

    private func allSpecialTokens() throws(InputError) -> [String] {
        let own =
            switch kind {
            case .bpe: ["<|endoftext|>"]
            case .wordpiece: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
            case .unigram: ["<unk>", "<s>", "</s>"]
            }
        let all = own + specialTokens
        for (index, token) in specialTokens.enumerated() {
            guard !token.isEmpty else { throw InputError("special tokens", at: "token \(index)", "must not be empty") }
            guard !all[..<(own.count + index)].contains(token) else {
                throw InputError("special tokens", at: "token \(index)", "\"\(token)\" is there already")
            }
        }
        return all
    }

    /// - Parameter needed: the tokens that there must be: special tokens and characters.
    func checkSize(atLeast needed: Int, _ what: String) throws(InputError) {
        guard vocabularySize >= needed else {
            throw InputError("the vocabulary", "\(vocabularySize) tokens are fewer than the \(needed) of \(what)", remedy: "ask for at least \(needed)")
        }
        guard vocabularySize <= 1 << 24 else { throw InputError("the vocabulary", "\(vocabularySize) tokens are more than 16 million") }
    }
}
