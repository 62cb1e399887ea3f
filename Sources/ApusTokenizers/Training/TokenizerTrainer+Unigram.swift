import ApusBase

extension TokenizerTrainer {
    /// The unigram model: special tokens, then pieces by their score.
    func trainUnigram(_ corpus: TrainingCorpus, _ special: [String]) throws(InputError) -> TrainedTokenizer {
        let spaces = try PatternProgram(" {2,}", subject: "the normalizer")
        let normalizer = Normalizer(steps: [.nmt, .unicode(.nfkc), .replace(.regex(spaces), with: [0x20])])
        let mark = PreTokenizer.Metaspace(mark: SentencePieceNormalizer.mark, prepending: .always, splits: true)
        let words = try corpus.countWords(normalizer, PreTokenizer(stages: [.metaspace(mark)]), threads: threads)
        guard words.count > 0 else { throw InputError("the texts", "hold no words, so that no unigram model can be learnt from them") }
        let trainer = UnigramTrainer(words, threads: threads)
        try checkSize(atLeast: special.count + trainer.characterCount, "the special tokens and the characters of the texts")
        let pieces = trainer.train(size: vocabularySize - special.count, without: Set(special))

        let all = special.map { ($0, 0.0) } + pieces
        let metaspace = JSON.component("Metaspace", ["replacement": .string("▁"), "prepend_scheme": .string("always"), "split": .bool(true)])
        return TrainedTokenizer(
            vocabularySize: all.count, special: special,
            components: [
                "normalizer": .component(
                    "Sequence",
                    [
                        "normalizers": .array([
                            .component("Nmt"), .component("NFKC"),
                            .component("Replace", ["pattern": .object(["Regex": .string(" {2,}")]), "content": .string(" ")]),
                        ])
                    ]), "pre_tokenizer": metaspace, "post_processor": .null, "decoder": metaspace,
            ],
            model: [
                "type": .string("Unigram"), "unk_id": .integer(0), "vocab": .array(all.map { .array([.string($0.0), .number($0.1)]) }),
                "byte_fallback": .bool(false),
            ])
    }
}
