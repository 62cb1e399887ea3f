import ApusBase

/// SentencePiece's BPE with a piece for each byte, the tokenizer of LLaMA 1 and 2, Mistral, Gemma and Phi-3, between `tokenizer.model` and the
/// tables of a GGUF file. There user-defined pieces hold spaces, which are marks in the model's file.
extension TokenizerTables {
    /// The tables of a `tokenizer.model`; those of a unigram model are in `TokenizerTables+Unigram`.
    ///
    /// - Parameters:
    ///   - config: the bytes of `tokenizer_config.json`, which names tokens and adds some.
    ///   - addedTokens: the bytes of `added_tokens.json`.
    ///   - sentinels: how many `<extra_id_0>`, `<extra_id_1>` … stand behind the pieces, the first one last.
    ///   - count: rows of the embedding; ids beyond the vocabulary become unused tokens.
    /// - Throws: an `InputError` when the model does what GGUF's tables have no words for.
    package init(
        sentencePieceModel bytes: [UInt8], config: [UInt8]?, addedTokens: [UInt8]? = nil, sentinels: Int = 0, subject: String, count: Int
    ) throws(InputError) {
        let file = try SentencePieceModel(bytes, subject: subject)
        if file.kind == .unigram {
            let tokenizer = try Tokenizer(
                sentencePieceModel: bytes, config: config, addedTokens: addedTokens, sentinels: sentinels, subject: subject)
            try self.init(unigram: file, of: tokenizer, config: config, count: count)
            return
        }
        let tokens = try TokenizerFile.sentencePiece(file, config: config, addedTokens: addedTokens, sentinels: sentinels)
        try self.init(file, tokens, config: config, count: count)
    }

    /// The tables of a `tokenizer.model` of ChatGLM2 or ChatGLM3, which cannot say that texts begin with two tokens.
    package init(chatGLM2 bytes: [UInt8], hasRoles: Bool, config: [UInt8]?, subject: String, count: Int) throws(InputError) {
        let model = try ChatGLM2Pieces(bytes, hasRoles: hasRoles, config: config, subject: subject)
        try self.init(model.file, model.tokens, config: config, count: count)
        addsBOS = false
        // A model that has roles begins the next question itself.
        if hasRoles { eot = model.file.pieces.count - 3 }
        notes.append("\(subject): texts begin with [gMASK] and sop, which the tables of a GGUF file cannot say; prompts must hold them")
    }

    private init(_ file: SentencePieceModel, _ added: TokenizerFile, config: [UInt8]?, count: Int) throws(InputError) {
        let subject = file.subject
        guard file.kind == .bpe, file.hasByteFallback, file.charsMap.isEmpty, !file.removesExtraSpaces, file.escapesSpaces, !file.spaceIsSuffix else {
            throw InputError(
                subject, "only BPE with a piece for each byte that leaves texts as they are can be written as GGUF's tables",
                remedy: "convert to a folder instead")
        }
        guard file.pieces.count <= count else {
            throw InputError(subject, "has \(file.pieces.count) pieces, but the model's embedding only \(count) rows")
        }
        let all = added.addedTokens
        if let beyond = all.first(where: { $0.id >= count }) {
            throw InputError(subject, "the added token \(beyond.text) has the id \(beyond.id), but the model's embedding only \(count) rows")
        }
        // The unknown token stays one.
        let isUnknown = { (id: Int) in id < file.types.count && file.types[id] == Int(Vocabulary.Kind.unknown.rawValue) }
        let addedByID = Dictionary(all.filter { !isUnknown($0.id) }.map { ($0.id, $0) }) { first, _ in first }
        var tokens = StringTable(), types: [Int] = [], scores: [Double] = []
        for id in 0..<count {
            let isPiece = id < file.pieces.count
            if let token = addedByID[id] {
                tokens.append(token.text.utf8)
                types.append(Int((token.isSpecial ? Vocabulary.Kind.control : .userDefined).rawValue))
            } else if isPiece {
                let isUserDefined = file.types[id] == Int(Vocabulary.Kind.userDefined.rawValue)
                tokens.append(isUserDefined ? Self.replacing(file.pieces[id], SentencePieceNormalizer.mark, with: [0x20]) : file.pieces[id])
                types.append(file.types[id])
            } else {
                tokens.append("[PAD\(id)]".utf8)
                types.append(Int(Vocabulary.Kind.unused.rawValue))
            }
            scores.append(isPiece ? file.scores[id] : -10000)
        }
        self.init(subject: subject, model: "llama", pre: "default", tokens: tokens, tokenTypes: types)
        self.scores = scores
        let vocabulary = try Vocabulary(texts: tokens, kinds: types.map { Vocabulary.Kind(rawValue: UInt8($0))! }, subject: subject)
        let settings = try Tokenizer.settings(config, vocabulary, subject: subject)
        bos = settings.named.bos.map(Int.init) ?? vocabulary.id(file.bos)
        eos = settings.named.eos.map(Int.init) ?? vocabulary.id(file.eos)
        padding = settings.named.padding.map(Int.init) ?? vocabulary.id(file.padding)
        unknown = settings.named.unknown.map(Int.init) ?? types.firstIndex(of: Int(Vocabulary.Kind.unknown.rawValue))
        (addsBOS, addsEOS) = (settings.addsBOS ?? true, settings.addsEOS ?? false)
        addsSpacePrefix = file.addsDummyPrefix
    }

    /// The bytes of a `tokenizer.model` that encodes as these tables of the kind "llama" do.
    /// - Throws: an `InputError` when the tables are wrong.
    package func sentencePieceModel() throws(InputError) -> [UInt8] {
        _ = try Tokenizer(tables: self)
        var kinds = tokenTypes.isEmpty ? Array(repeating: 1, count: tokens.count) : tokenTypes
        // Gemma's files name it among the control tokens.
        if !kinds.contains(2), let unknown { kinds[unknown] = 2 }
        guard model == "llama", let unknownID = kinds.firstIndex(of: 2), kinds.lastIndex(of: 2) == unknownID, scores.count == tokens.count else {
            throw InputError(subject, at: "tokenizer.ggml.token_type", "a tokenizer.model has exactly one unknown token")
        }
        var file = ProtobufWriter()
        for id in 0..<tokens.count {
            guard !tokens[id].isEmpty, (1...6).contains(kinds[id]) else {
                throw InputError(subject, at: "tokenizer.ggml.tokens", "token \(id) has no text, or its type is not from 1 to 6")
            }
            let isUserDefined = kinds[id] == Int(Vocabulary.Kind.userDefined.rawValue)
            var piece = ProtobufWriter()
            piece.bytes(1, isUserDefined ? Self.replacing(tokens[id], [0x20], with: SentencePieceNormalizer.mark) : tokens[id])
            piece.fixed32(2, Float(scores[id]).bitPattern)
            piece.integer(3, kinds[id])
            file.bytes(1, piece.bytes)
        }
        var trainer = ProtobufWriter(), normalizer = ProtobufWriter()
        trainer.integer(3, 2)  // BPE
        trainer.integer(4, tokens.count)
        trainer.integer(35, 1)  // a piece for each byte
        for (offset, id) in [unknownID, bos ?? -1, eos ?? -1, padding ?? -1].enumerated() {
            trainer.integer(40 + offset, id)
            if id >= 0 { trainer.bytes(45 + offset, tokens[id]) }
        }
        normalizer.bytes(1, "identity".utf8)
        normalizer.integer(3, addsSpacePrefix ?? true ? 1 : 0)
        normalizer.integer(4, 0)  // spaces stay
        normalizer.integer(5, 1)  // as marks
        file.bytes(2, trainer.bytes)
        file.bytes(3, normalizer.bytes)
        return file.bytes
    }

    static func replacing(_ text: ArraySlice<UInt8>, _ old: [UInt8], with new: [UInt8]) -> ArraySlice<UInt8> {
        Array(text).split(separator: old, omittingEmptySubsequences: false).joined(separator: new).reduce(into: []) { $0.append($1) }
    }
}
