import ApusBase

/// The kinds of GGUF vocabulary other than byte-level BPE, as llama.cpp reads them.
extension Tokenizer {
    /// "llama": SentencePiece's BPE. A space goes before the text and after each special token.
    static func sentencePieceBPE(_ tables: TokenizerTables, _ vocabulary: Vocabulary, _ named: NamedTokens) throws(InputError) -> Parts {
        let addsSpace = tables.addsSpacePrefix ?? true
        let normalizer = SentencePieceNormalizer(prefix: addsSpace ? .afterSpecial : .none, removesExtraSpaces: false, replacesInvalid: false)
        let unknown = named.unknown.map { Int($0) } ?? vocabulary.kinds.firstIndex(of: .unknown)
        return Parts(
            vocabulary: vocabulary,
            model: try bpe(vocabulary, scores: tables.scores, ByteFallback(vocabulary), unknown, subject: tables.subject),
            specialTokens: SpecialTokens(vocabulary: vocabulary), normalizer: Normalizer(steps: [.sentencePiece(normalizer)]),
            decoder: TokenDecoder(steps: [.sentencePiece(addsSpace ? .droppedOnce : .kept)], hasByteFallback: true),
            prefix: try edge(tables.addsBOS ?? true, named.bos, "BOS", tables.subject),
            suffix: try edge(tables.addsEOS ?? false, named.eos, "EOS", tables.subject))
    }

    /// "gemma4": merges as in byte-level BPE, over characters with marks for spaces.
    static func gemma4(_ tables: TokenizerTables, _ vocabulary: Vocabulary, _ named: NamedTokens) throws(InputError) -> Parts {
        let model = CharacterBPE(
            vocabulary: vocabulary, merges: try MergeTable(tables.merges, vocabulary, subject: tables.subject), byteFallback: ByteFallback(vocabulary),
            unknown: nil, fusesUnknown: false)
        return Parts(
            vocabulary: vocabulary, model: .characterBPE(model), specialTokens: SpecialTokens(vocabulary: vocabulary),
            normalizer: Normalizer(steps: [.replace(.text([0x20]), with: SentencePieceNormalizer.mark)]),
            preTokenizer: try PreTokenizer(patterns: [#"[^\n]+|[\n]+"#], subject: tables.subject),
            decoder: TokenDecoder(steps: [.sentencePiece(.kept)], hasByteFallback: true),
            prefix: try edge(true, named.bos, "BOS", tables.subject), suffix: try edge(tables.addsEOS ?? false, named.eos, "EOS", tables.subject))
    }

    /// "t5": SentencePiece's unigram model. Pieces for bytes spell what the vocabulary lacks, as where it comes from; llama.cpp makes unknown
    /// tokens of that.
    static func unigram(_ tables: TokenizerTables, _ vocabulary: Vocabulary, _ named: NamedTokens) throws(InputError) -> Parts {
        let userDefined = SpecialTokens(vocabulary: vocabulary) { $0 == .userDefined }
        let addsSpace = tables.addsSpacePrefix ?? false
        let normalizer = SentencePieceNormalizer(
            charsMap: tables.charsMap.isEmpty ? nil : try PrecompiledCharsMap(tables.charsMap, subject: tables.subject),
            prefix: addsSpace ? .afterSpecial : .none, removesExtraSpaces: tables.removesExtraSpaces ?? false,
            protected: userDefined.entries.isEmpty ? nil : userDefined)
        let unknown = named.unknown.map { Int($0) } ?? vocabulary.kinds.firstIndex(of: .unknown)
        let hasBytes = vocabulary.kinds.contains(.byte), fallback = hasBytes ? ByteFallback(vocabulary) : nil
        guard hasBytes == (fallback != nil) else {
            throw InputError(tables.subject, at: "tokenizer.ggml.token_type", "some tokens are pieces for bytes, but not each byte has one")
        }
        let model = try Unigram(
            vocabulary: vocabulary, scores: tables.scores, unknown: unknown, byteFallback: fallback, sums: .perWord, userDefinedScore: { _ in 0 },
            subject: tables.subject)
        return Parts(
            vocabulary: vocabulary, model: .unigram(model), specialTokens: SpecialTokens(vocabulary: vocabulary),
            normalizer: Normalizer(steps: [.sentencePiece(normalizer)]),
            decoder: TokenDecoder(steps: [.sentencePiece(addsSpace ? .dropped : .kept)], hasByteFallback: hasBytes),
            prefix: try edge(tables.addsBOS ?? false, named.bos, "BOS", tables.subject),
            suffix: try edge(tables.addsEOS ?? true, named.eos, "EOS", tables.subject))
    }

    /// "bert": WordPiece, whose tokens start words with U+2581 instead of going on with "##". Words of more than 100 characters are
    /// unknown, as where the vocabulary comes from; llama.cpp takes them apart.
    static func wordPiece(_ tables: TokenizerTables, _ vocabulary: Vocabulary, _ named: NamedTokens) throws(InputError) -> Parts {
        let subject = tables.subject
        func token(_ id: Int?, _ text: String, _ key: String) throws(InputError) -> [Int32] {
            guard let id = id ?? vocabulary.id(text), id >= 0, id < vocabulary.count else {
                throw InputError(subject, at: "tokenizer.ggml.\(key)", "must name a token of the vocabulary")
            }
            return [Int32(id)]
        }
        let model = try WordPiece(
            vocabulary: vocabulary, startPrefix: "▁", continuationPrefix: "", unknown: named.unknown.map { Int($0) } ?? vocabulary.id("[UNK]"),
            subject: subject)
        let lowercases = tables.lowercases ?? true
        let normalizer = BertNormalizer(stripsAccents: tables.stripsAccents ?? lowercases, lowercases: lowercases)
        return Parts(
            vocabulary: vocabulary, model: .wordPiece(model), specialTokens: SpecialTokens(vocabulary: vocabulary),
            normalizer: Normalizer(steps: [.wellFormed, .bert(normalizer)]), preTokenizer: PreTokenizer(stages: [.bert]),
            decoder: TokenDecoder(steps: [.sentencePiece(.droppedOnce)]),
            prefix: try token(tables.classification ?? tables.bos, "[CLS]", "cls_token_id"),
            suffix: try token(tables.separator, "[SEP]", "seperator_token_id"))
    }
}
