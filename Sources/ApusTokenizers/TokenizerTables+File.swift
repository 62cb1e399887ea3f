import ApusBase

extension TokenizerTables {
    /// The tables of a `tokenizer.json` with a byte-level BPE, a WordPiece or a unigram model, as a GGUF file holds them.
    ///
    /// - Parameters:
    ///   - config: the bytes of `tokenizer_config.json`.
    ///   - count: rows of the embedding; ids beyond the vocabulary become unused tokens.
    /// - Throws: an `InputError` when the tokenizer does what GGUF's tables have no words for.
    package init(tokenizerJSON bytes: [UInt8], config: [UInt8]?, subject: String, count: Int) throws(InputError) {
        let tokenizer = try Tokenizer(tokenizerJSON: bytes, config: config, subject: subject)
        switch tokenizer.parts.model {
        case .byteLevelBPE: try self.init(byteLevel: tokenizer, Self.file(bytes, subject: subject), count: count)
        case .wordPiece(let model): try self.init(wordPiece: model, of: tokenizer, config: config, subject: subject, count: count)
        case .unigram(let model):
            let file = try Self.file(bytes, subject: subject)
            try self.init(unigram: model, of: tokenizer, normalization: UnigramNormalization(file), config: config, subject: subject, count: count)
        case .characterBPE:
            throw InputError(
                subject, at: "model", "a BPE over characters cannot be written as GGUF's tables without the model's tokenizer.model",
                remedy: "convert to a folder instead")
        }
    }

    private static func file(_ bytes: [UInt8], subject: String) throws(InputError) -> TokenizerFile {
        let result = bytes.withUnsafeBytes { raw in
            Result<TokenizerFile, InputError> { () throws(InputError) in try TokenizerFile.read(raw, subject: subject) }
        }
        return try result.get()
    }

    /// The text of each id, made by `text` of those that the vocabulary has; the others are unused.
    static func tokens(
        of vocabulary: Vocabulary, kinds: [Int: Vocabulary.Kind], count: Int, subject: String,
        text: (Int, Vocabulary.Kind) -> ArraySlice<UInt8>
    ) throws(InputError) -> (StringTable, [Int]) {
        guard vocabulary.count <= count else {
            throw InputError(subject, "has \(vocabulary.count) tokens, but the model's embedding only \(count) rows")
        }
        var tokens = StringTable(), types: [Int] = []
        for id in 0..<count {
            if id < vocabulary.count, !vocabulary.text(id).isEmpty {
                let kind = kinds[id] ?? vocabulary.kinds[id]
                tokens.append(text(id, kind))
                types.append(Int(kind.rawValue))
            } else {
                tokens.append("[PAD\(id)]".utf8)
                types.append(Int(Vocabulary.Kind.unused.rawValue))
            }
        }
        return (tokens, types)
    }

    private init(byteLevel tokenizer: Tokenizer, _ file: TokenizerFile, count: Int) throws(InputError) {
        let subject = file.subject, splitting = try file.splitting(), ignoresMerges = file.modelOptions["ignore_merges"]?.bool ?? false
        guard let pre = splitting.patterns.flatMap({ PreTokenizerRecipe.name(of: $0, ignoringMerges: ignoresMerges) }) else {
            throw InputError(
                subject, at: "pre_tokenizer", "no name of tokenizer.ggml.pre stands for its patterns", remedy: "convert to a folder instead")
        }
        let vocabulary = tokenizer.vocabulary
        let (tokens, types) = try Self.tokens(of: vocabulary, kinds: [:], count: count, subject: subject) { id, _ in Array(vocabulary.text(id))[...] }
        self.init(subject: subject, model: "gpt2", pre: pre, tokens: tokens, tokenTypes: types, merges: file.merges)
        let named = tokenizer.named
        (bos, eos) = (named.bos.map(Int.init), named.eos.map(Int.init))
        (unknown, padding) = (named.unknown.map(Int.init), named.padding.map(Int.init))
        addsBOS = try Self.isAdded(tokenizer.prefix, named.bos, subject: subject)
        addsEOS = try Self.isAdded(tokenizer.suffix, named.eos, subject: subject)
        addsSpacePrefix = splitting.addsPrefixSpace
    }

    /// The kinds of the tokens that are matched in text before anything else, and a note on what GGUF's tables cannot say of the control
    /// tokens among them.
    /// - Throws: an `InputError` for other tokens that are matched in another way than as they stand.
    static func addedKinds(of tokenizer: Tokenizer, subject: String) throws(InputError) -> (kinds: [Int: Vocabulary.Kind], notes: [String]) {
        var kinds: [Int: Vocabulary.Kind] = [:], odd: [String] = []
        for entry in tokenizer.parts.specialTokens.entries + tokenizer.parts.normalizedTokens.entries {
            let isNormalized = tokenizer.parts.normalizedTokens.entries.contains { $0.id == entry.id }, text = String(decoding: entry.text, as: UTF8.self)
            if entry.stripsLeft || entry.stripsRight || entry.isWholeWord || isNormalized && !entry.isSpecial {
                guard entry.isSpecial else {
                    throw InputError(
                        subject, at: "added_tokens", "GGUF has no words for how \"\(text)\" is matched in normalized text, as a word or with white space",
                        remedy: "convert to a folder instead")
                }
                odd.append(text)
            }
            kinds[Int(entry.id)] = entry.isSpecial ? .control : .userDefined
        }
        let note = "\(subject): GGUF has no words for the white space or words around \(odd.joined(separator: ", ")), which are matched as they stand"
        return (kinds, odd.isEmpty ? [] : [note])
    }

    static func isAdded(_ edge: [Int32], _ token: Int32?, subject: String) throws(InputError) -> Bool {
        guard edge.isEmpty || edge == [token] else {
            throw InputError(
                subject, at: "post_processor", "texts are surrounded with more than BOS and EOS, for which GGUF has no keys",
                remedy: "convert to a folder instead")
        }
        return !edge.isEmpty
    }
}

extension PreTokenizerRecipe {
    /// Names that stand for different recipes, the common ones first.
    private static let names = [
        "gpt-2", "llama-bpe", "qwen2", "smollm", "gpt-4o", "tekken", "glm4", "dbrx", "qwen35", "deepseek-v3", "deepseek-llm", "deepseek-coder", "falcon",
        "bloom", "viking", "minicpm5", "youtu", "bailingmoe", "seed-coder", "exaone-moe", "jais-2", "tiny_aya", "ufakzeka", "laguna", "default",
    ]

    /// The name under which llama.cpp knows these patterns, or nil.
    static func name(of patterns: [String], ignoringMerges: Bool) -> String? {
        /// Spellings of a known pattern are equal.
        func isSame(_ a: String, _ b: String) -> Bool {
            if a == b { return true }
            guard let scanner = WordScanner(pattern: a) else { return false }
            return scanner == WordScanner(pattern: b)
        }
        return names.first { name in
            guard let recipe = try? PreTokenizerRecipe(named: name, subject: name) else { return false }
            return recipe.ignoresMerges == ignoringMerges && recipe.patterns.count == patterns.count
                && zip(recipe.patterns, patterns).allSatisfy(isSame)
        }
    }
}
