import ApusBase

extension TokenizerTrainer {
    /// WordPiece: special tokens, then characters, then characters inside words, each in the order of their code points, then what is merged.
    func trainWordPiece(_ corpus: TrainingCorpus, _ special: [String]) throws(InputError) -> TrainedTokenizer {
        let prefix = Array("##".utf8)
        let words = try corpus.countWords(
            Normalizer(steps: [.bert(BertNormalizer())]), PreTokenizer(stages: [.bert]), threads: threads)
        var trainer = PairTrainer(continuationPrefix: prefix)
        for token in special { _ = trainer.add(Array(token.utf8)) }
        let (starts, continuations) = Self.characters(of: words)
        // Every character can start a word.
        for character in starts.union(continuations).sorted() { _ = trainer.add(Self.text(character)) }
        for character in continuations.sorted() { _ = trainer.add(prefix + Self.text(character)) }
        try checkSize(atLeast: trainer.tokens.count, "the special tokens and the characters, at the start of words and inside them")
        for word in 0..<words.count {
            let scalars = String(decoding: words.text(word), as: UTF8.self).unicodeScalars
            let ids = scalars.enumerated().map { place, scalar in trainer.id((place > 0 ? prefix : []) + Self.text(scalar.value))! }
            trainer.addWord(ids, count: words.occurrences(word))
        }
        trainer.train(size: vocabularySize, minimumFrequency: minimumFrequency)

        func id(_ text: String) -> JSON { .array([.string(text), .integer(special.firstIndex(of: text)!)]) }
        return TrainedTokenizer(
            vocabularySize: trainer.tokens.count, special: special,
            components: [
                "normalizer": .component(
                    "BertNormalizer",
                    ["clean_text": .bool(true), "handle_chinese_chars": .bool(true), "strip_accents": .null, "lowercase": .bool(true)]),
                "pre_tokenizer": .component("BertPreTokenizer"), "post_processor": .component("BertProcessing", ["sep": id("[SEP]"), "cls": id("[CLS]")]),
                "decoder": .component("WordPiece", ["prefix": .string("##"), "cleanup": .bool(true)]),
            ],
            model: [
                "type": .string("WordPiece"), "unk_token": .string("[UNK]"), "continuing_subword_prefix": .string("##"),
                "max_input_chars_per_word": .integer(100), "vocab": .vocabulary(trainer.tokens),
            ])
    }

    /// The characters that words start with, and those inside them.
    private static func characters(of words: WordCounts) -> (starts: Set<UInt32>, continuations: Set<UInt32>) {
        var starts = Set<UInt32>(), continuations = Set<UInt32>()
        for word in 0..<words.count {
            for (place, scalar) in String(decoding: words.text(word), as: UTF8.self).unicodeScalars.enumerated() {
                if place == 0 { starts.insert(scalar.value) } else { continuations.insert(scalar.value) }
            }
        }
        return (starts, continuations)
    }

    static func text(_ character: UInt32) -> [UInt8] { Array(String(Unicode.Scalar(character)!).utf8) }
}
