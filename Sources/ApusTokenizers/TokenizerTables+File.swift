import ApusBase

extension TokenizerTables {
    /// The tables of a `tokenizer.json` with a byte-level BPE, as a GGUF file holds them.
    ///
    /// - Parameters:
    ///   - config: the bytes of `tokenizer_config.json`.
    ///   - count: rows of the embedding; ids beyond the vocabulary become unused tokens.
    /// - Throws: an `InputError` when the tokenizer does what no name of `tokenizer.ggml.pre` stands for.
    package init(tokenizerJSON bytes: [UInt8], config: [UInt8]?, subject: String, count: Int) throws(InputError) {
        let tokenizer = try Tokenizer(tokenizerJSON: bytes, config: config, subject: subject)
        guard case .byteLevelBPE = tokenizer.parts.model else {
            throw InputError(
                subject, at: "model", "of the kinds of tokenizer only byte-level BPE can be written as GGUF's tables", remedy: "convert to a folder instead")
        }
        var failure: InputError?
        var parts: (patterns: [String]?, ignoresMerges: Bool, addsPrefixSpace: Bool, merges: StringTable)?
        bytes.withUnsafeBytes { raw in
            do throws(InputError) {
                let file = try TokenizerFile.read(raw, subject: subject)
                let splitting = try file.splitting()
                parts = (splitting.patterns, file.modelOptions["ignore_merges"]?.bool ?? false, splitting.addsPrefixSpace, file.merges)
            } catch { failure = error }
        }
        if let failure { throw failure }
        let (patterns, ignoresMerges, addsPrefixSpace, merges) = parts!
        guard let pre = patterns.flatMap({ PreTokenizerRecipe.name(of: $0, ignoringMerges: ignoresMerges) }) else {
            throw InputError(
                subject, at: "pre_tokenizer", "no name of tokenizer.ggml.pre stands for its patterns", remedy: "convert to a folder instead")
        }
        let vocabulary = tokenizer.vocabulary
        guard vocabulary.count <= count else {
            throw InputError(subject, "has \(vocabulary.count) tokens, but the model's embedding only \(count) rows")
        }
        var tokens = StringTable(), types: [Int] = []
        for id in 0..<count {
            let isKnown = id < vocabulary.count && !vocabulary.text(id).isEmpty
            if isKnown { tokens.append(vocabulary.text(id)) } else { tokens.append("[PAD\(id)]".utf8) }
            types.append(Int((isKnown ? vocabulary.kinds[id] : .unused).rawValue))
        }
        self.init(subject: subject, model: "gpt2", pre: pre, tokens: tokens, tokenTypes: types, merges: merges)
        let named = tokenizer.named
        (bos, eos) = (named.bos.map(Int.init), named.eos.map(Int.init))
        (unknown, padding) = (named.unknown.map(Int.init), named.padding.map(Int.init))
        addsBOS = try Self.isAdded(tokenizer.prefix, named.bos, subject: subject)
        addsEOS = try Self.isAdded(tokenizer.suffix, named.eos, subject: subject)
        addsSpacePrefix = addsPrefixSpace
    }

    private static func isAdded(_ edge: [Int32], _ token: Int32?, subject: String) throws(InputError) -> Bool {
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
