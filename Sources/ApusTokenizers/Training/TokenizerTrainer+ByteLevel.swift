import ApusBase

extension TokenizerTrainer {
    /// Byte-level BPE: special tokens, then the bytes in the order of their alphabet, then the merges.
    func trainByteLevel(_ corpus: TrainingCorpus, _ special: [String]) throws(InputError) -> TrainedTokenizer {
        var trainer = PairTrainer()
        for token in special { _ = trainer.add(Array(token.utf8)) }
        var byteTokens = Array(repeating: UInt32(0), count: 256)
        let alphabet = (0..<256).sorted { ByteAlphabet.codePoints[$0] < ByteAlphabet.codePoints[$1] }
        for byte in alphabet {
            var text: [UInt8] = []
            ByteAlphabet.append(UInt8(byte), to: &text)
            byteTokens[byte] = trainer.add(text)
        }
        try checkSize(atLeast: trainer.tokens.count, "the special tokens and the bytes")
        let words = try corpus.countWords(Normalizer(), PreTokenizer(stages: [.words(.gpt2(isolatesNumbers: false))]), threads: threads)
        for word in 0..<words.count { trainer.addWord(words.text(word).lazy.map { byteTokens[Int($0)] }, count: words.occurrences(word)) }
        trainer.train(size: vocabularySize, minimumFrequency: minimumFrequency)

        let tokens = trainer.tokens.map { String(decoding: $0, as: UTF8.self) }
        let byteLevel = JSON.component(
            "ByteLevel", ["add_prefix_space": .bool(false), "trim_offsets": .bool(true), "use_regex": .bool(true)])
        return TrainedTokenizer(
            vocabularySize: tokens.count, special: special,
            components: ["normalizer": .null, "pre_tokenizer": byteLevel, "post_processor": byteLevel, "decoder": byteLevel],
            model: [
                "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null, "end_of_word_suffix": .null,
                "fuse_unk": .bool(false), "byte_fallback": .bool(false), "ignore_merges": .bool(false), "vocab": .vocabulary(trainer.tokens),
                "merges": .array(trainer.merges.map { .array([.string(tokens[$0.left]), .string(tokens[$0.right])]) }),
            ])
    }
}
