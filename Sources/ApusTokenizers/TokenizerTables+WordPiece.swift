import ApusBase

/// BERT's WordPiece between its files and the tables of a GGUF file, where tokens that start a word begin with U+2581, and those that go on
/// have lost their "##".
extension TokenizerTables {
    private static let mark = SentencePieceNormalizer.mark

    /// The tables of a `vocab.txt`.
    ///
    /// - Parameters:
    ///   - config: the bytes of `tokenizer_config.json`.
    ///   - addedTokens: those of `added_tokens.json`.
    ///   - count: rows of the embedding; ids beyond the vocabulary become unused tokens.
    /// - Throws: an `InputError` when the tokenizer does what GGUF's tables have no words for.
    package init(
        vocabTxt bytes: [UInt8], config: [UInt8]?, addedTokens: [UInt8]? = nil, subject: String, count: Int
    ) throws(InputError) {
        let tokenizer = try Tokenizer(vocabTxt: bytes, config: config, addedTokens: addedTokens, subject: subject)
        guard case .wordPiece(let model) = tokenizer.parts.model else { preconditionFailure("a vocab.txt is of a WordPiece model") }
        try self.init(wordPiece: model, of: tokenizer, config: config, subject: subject, count: count)
    }

    init(wordPiece model: WordPiece, of tokenizer: Tokenizer, config: [UInt8]?, subject: String, count: Int) throws(InputError) {
        func refusal(_ what: String) -> InputError {
            InputError(subject, "GGUF has no words for \(what)", remedy: "convert to a folder instead")
        }
        let parts = tokenizer.parts, further = model.continuationPrefix
        guard parts.normalizer.steps.count == 2, case .wellFormed = parts.normalizer.steps[0], case .bert(let normalizer) = parts.normalizer.steps[1],
            parts.preTokenizer.stages.count == 1, case .bert = parts.preTokenizer.stages[0]
        else { throw refusal("a WordPiece tokenizer that changes or splits texts in another way than BERT's") }
        guard normalizer.cleansText, normalizer.setsChineseApart else {
            throw refusal("texts that are not cleaned, or Chinese characters that are not set apart")
        }
        guard model.mostCharacters == WordPiece.usualMostCharacters else { throw refusal("a limit of \(model.mostCharacters) characters a word, only of 100") }
        guard further == Array("##".utf8) else { throw refusal("another prefix of tokens inside a word than ##") }
        guard tokenizer.prefix.count == 1, tokenizer.suffix.count == 1 else { throw refusal("texts with other than one token before them and one behind") }
        let (kinds, notes) = try Self.addedKinds(of: tokenizer, subject: subject), vocabulary = tokenizer.vocabulary
        let (tokens, types) = try Self.tokens(of: vocabulary, kinds: kinds, count: count, subject: subject) { id, kind in
            let text = Array(vocabulary.text(id))
            guard kind == .normal else { return text[...] }
            return text.count > further.count && text.starts(with: further) ? text.dropFirst(further.count) : (Self.mark + text)[...]
        }
        self.init(subject: subject, model: "bert", pre: "default", tokens: tokens, tokenTypes: types)
        self.notes = notes
        // Two tokens may come to have one text.
        _ = try Vocabulary(texts: tokens, kinds: types.map { Vocabulary.Kind(rawValue: UInt8($0))! }, subject: subject)
        (classification, separator, bos) = (Int(tokenizer.prefix[0]), Int(tokenizer.suffix[0]), Int(tokenizer.prefix[0]))
        unknown = Int(model.unknown)
        padding = tokenizer.padding.map(Int.init) ?? vocabulary.id("[PAD]")
        mask = try Self.mask(config, vocabulary, usual: "[MASK]")
        (lowercases, stripsAccents) = (normalizer.lowercases, normalizer.stripsAccents)
    }

    /// The token for hidden ones that `tokenizer_config.json` names, or the usual one.
    static func mask(_ config: [UInt8]?, _ vocabulary: Vocabulary, usual: String) throws(InputError) -> Int? {
        var named = JSON.null
        if let config { named = try JSON(parsing: config, subject: "tokenizer_config.json")["mask_token"] ?? .null }
        return vocabulary.id(named.string ?? named["content"]?.string ?? usual)
    }

    /// The `tokenizer.json` of the kind "bert".
    func wordPieceJSON() -> JSON {
        let count = usedCount
        // Files without types tell control tokens by their names alone.
        let named = Set([classification ?? bos, separator, unknown, padding, mask].compactMap { $0 })
        var vocabulary = JSONObject()
        for id in 0..<count where !tokens[id].isEmpty {
            let text = tokens[id], isPart = [.normal, .undefined].contains(kind(id)) && !named.contains(id)
            let isStart = isPart && text.starts(with: Self.mark)
            vocabulary[isStart ? String(decoding: text.dropFirst(Self.mark.count), as: UTF8.self) : (isPart ? "##" : "") + tokens.string(id)] = .integer(id)
        }
        let unknown = unknown.map { tokens.string($0) } ?? "[UNK]", lowercases = lowercases ?? true
        return tokenizerJSON(
            normalizer: .object([
                "type": .string("BertNormalizer"), "clean_text": .bool(true), "handle_chinese_chars": .bool(true),
                "strip_accents": .bool(stripsAccents ?? lowercases), "lowercase": .bool(lowercases),
            ]), preTokenizer: .object(["type": .string("BertPreTokenizer")]),
            postProcessor: template(before: classification ?? bos ?? id(of: "[CLS]"), after: separator ?? id(of: "[SEP]"), startsSecond: false) ?? .null,
            decoder: ["type": .string("WordPiece"), "prefix": .string("##"), "cleanup": .bool(true)],
            model: [
                "type": .string("WordPiece"), "unk_token": .string(unknown), "continuing_subword_prefix": .string("##"),
                "max_input_chars_per_word": .integer(WordPiece.usualMostCharacters), "vocab": .object(vocabulary),
            ])
    }

    /// What a token is.
    func kind(_ id: Int) -> Vocabulary.Kind {
        tokenTypes.isEmpty ? .normal : UInt8(exactly: tokenTypes[id]).flatMap(Vocabulary.Kind.init) ?? .undefined
    }

    /// Tokens without the unused ones at the end, which stand for rows of the embedding alone.
    var usedCount: Int { (0..<tokens.count).last { kind($0) != .unused }.map { $0 + 1 } ?? 0 }

    private func id(of text: String) -> Int? { (0..<tokens.count).first { tokens[$0].elementsEqual(text.utf8) } }
}
