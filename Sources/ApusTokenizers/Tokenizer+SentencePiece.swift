import ApusBase

extension Tokenizer {
    /// Builds the tokenizer of a SentencePiece `tokenizer.model`, BPE or unigram: it gives the ids that the `sentencepiece` package gives.
    /// Tokens that a folder adds are matched in the text first, as transformers does it, and what lies between them is encoded.
    ///
    /// - Parameters:
    ///   - bytes: the file's bytes.
    ///   - config: the bytes of `tokenizer_config.json`: the tokens that were added, and whether BOS and EOS are; a bare file adds BOS to a
    ///     BPE's texts and EOS to a unigram model's, as LLaMA and T5 do.
    ///   - addedTokens: the bytes of `added_tokens.json`, which older folders have instead.
    ///   - sentinels: how many `<extra_id_0>`, `<extra_id_1>` … stand behind the pieces, the first one last, as T5 has them.
    ///   - subject: names the file in errors.
    /// - Throws: an `InputError` for a file that is cut or malformed.
    public convenience init(
        sentencePieceModel bytes: [UInt8], config: [UInt8]? = nil, addedTokens: [UInt8]? = nil, sentinels: Int = 0, subject: String = "tokenizer.model"
    ) throws(InputError) {
        let file = try SentencePieceModel(bytes, subject: subject)
        let tokens = try TokenizerFile.sentencePiece(file, config: config, addedTokens: addedTokens, sentinels: sentinels)
        self.init(try Self.parts(file, tokens, config: config))
    }

    /// - Parameters:
    ///   - tokens: the pieces, and the tokens that are matched in texts.
    ///   - prefixesParts: whether a space goes before what follows a special token, too; nil: as `config` says.
    static func parts(
        _ file: SentencePieceModel, _ tokens: TokenizerFile, config: [UInt8]?, prefixesParts: Bool? = nil
    ) throws(InputError) -> Parts {
        let subject = file.subject, vocabulary = try tokens.vocabulary()
        for (id, type) in file.types.enumerated() {
            let kind = Vocabulary.Kind(rawValue: UInt8(type))!
            if vocabulary.kinds[id] == .normal || kind != .normal && kind != .userDefined { vocabulary.setKind(kind, of: id) }
        }
        // No model makes what stands behind the pieces.
        for id in file.pieces.count..<vocabulary.count where vocabulary.kinds[id] == .userDefined { vocabulary.setKind(.unused, of: id) }
        let userDefined = SpecialTokens(vocabulary: vocabulary) { $0 == .userDefined }
        let model = try Self.model(file, vocabulary)
        let settings = try Self.settings(config, vocabulary, subject: subject)
        // Transformers' LLaMA puts a space before the whole text alone unless its "legacy" is set, T5 before what follows a special token, too.
        let prefixesParts = prefixesParts ?? (file.removesExtraSpaces || settings.isLegacy)
        let normalizer = SentencePieceNormalizer(
            charsMap: file.charsMap.isEmpty ? nil : try PrecompiledCharsMap(file.charsMap, subject: subject),
            prefix: !file.addsDummyPrefix ? .none : prefixesParts ? .afterSpecial : .once, removesExtraSpaces: file.removesExtraSpaces,
            escapesSpaces: file.escapesSpaces, spaceIsSuffix: file.spaceIsSuffix, protected: userDefined.entries.isEmpty ? nil : userDefined)
        let leading: TokenDecoder.LeadingSpace = file.removesExtraSpaces ? .dropped : file.addsDummyPrefix ? .droppedOnce : .kept
        var named = settings.named
        named.bos = named.bos ?? Self.control(file.bos, vocabulary)
        named.eos = named.eos ?? Self.control(file.eos, vocabulary)
        named.padding = named.padding ?? Self.control(file.padding, vocabulary)
        named.unknown = named.unknown ?? vocabulary.kinds.firstIndex(of: .unknown).map(Int32.init)
        let isBPE = file.kind == .bpe
        // SentencePiece's BPE keeps user-defined pieces whole; in a unigram model they compete by their score.
        return Parts(
            vocabulary: vocabulary, model: model, specialTokens: tokens.specialTokens(normalizedBy: nil),
            normalizer: Normalizer(steps: [.sentencePiece(normalizer)]), normalizedTokens: isBPE ? userDefined : SpecialTokens([]),
            decoder: TokenDecoder(steps: [.sentencePiece(leading)], hasByteFallback: file.hasByteFallback, unknownText: file.unknownText),
            named: named, endOfGeneration: EndOfGeneration.find(in: vocabulary, named: [named.eos]),
            prefix: settings.addsBOS ?? isBPE ? named.bos.map { [$0] } ?? [] : [],
            suffix: settings.addsEOS ?? !isBPE ? named.eos.map { [$0] } ?? [] : [])
    }

    /// Whether a SentencePiece file holds a unigram model.
    package static func isUnigram(sentencePieceModel bytes: [UInt8], subject: String) throws(InputError) -> Bool {
        try SentencePieceModel(bytes, subject: subject).kind == .unigram
    }

    private static func control(_ text: String, _ vocabulary: Vocabulary) -> Int32? {
        vocabulary.id(text).flatMap { vocabulary.kinds[$0] == .control ? Int32($0) : nil }
    }

    private static func model(_ file: SentencePieceModel, _ vocabulary: Vocabulary) throws(InputError) -> Model {
        let subject = file.subject
        let fallback = file.hasByteFallback ? ByteFallback(vocabulary) : nil
        guard !file.hasByteFallback || fallback != nil else {
            throw InputError(subject, "says that it has a piece for each byte, but some are missing")
        }
        let unknown = vocabulary.kinds.firstIndex(of: .unknown)
        let scores = file.scores + Array(repeating: 0, count: vocabulary.count - file.scores.count)
        switch file.kind {
        case .bpe: return try bpe(vocabulary, scores: scores, fallback, unknown, subject: subject)
        case .unigram:
            return .unigram(
                try Unigram(
                    vocabulary: vocabulary, scores: scores, unknown: unknown, byteFallback: fallback, sums: .running,
                    userDefinedScore: { Double(Float(0.1 * Double($0 - 1))) }, subject: subject))
        case .word, .character:
            throw InputError(subject, at: "trainer_spec.model_type", "a model of the kind \(file.kind)", remedy: "BPE and unigram can be read")
        }
    }

    /// SentencePiece's BPE: merges by the scores of what they make. Unused pieces are not made.
    static func bpe(
        _ vocabulary: Vocabulary, scores: [Double], _ fallback: ByteFallback?, _ unknown: Int?, subject: String
    ) throws(InputError) -> Model {
        let (merges, strangers) = try MergeTable.byScores(scores, vocabulary, subject: subject) {
            vocabulary.kinds[$0] == .normal
        }
        return .characterBPE(
            CharacterBPE(
                vocabulary: vocabulary, merges: merges, strangers: strangers, byteFallback: fallback, unknown: unknown, fusesUnknown: true))
    }
}
