import ApusBase

/// What the `tokenizer.ggml.*` keys of a GGUF file hold, as plain tables.
package struct TokenizerTables: Sendable {
    /// Names the file in errors.
    package var subject: String
    /// `model`: "gpt2" for byte-level BPE, "llama", "bert", "t5" …
    package var model: String
    /// `pre`: the published tokenizer whose patterns split the text ("llama-bpe", "qwen2", "smollm" …).
    package var pre: String?
    /// `tokens`: the text of each id.
    package var tokens: StringTable
    /// `token_type` of each id: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. Empty: all normal.
    package var tokenTypes: [Int]
    /// `merges`: "left right" by rank.
    package var merges: StringTable
    /// `bos_token_id`, `eos_token_id`, `eot_token_id`, `eom_token_id`, `unknown_token_id`, `padding_token_id`.
    package var bos, eos, eot, eom, unknown, padding: Int?
    /// `add_bos_token`, `add_eos_token`; nil leaves it to the tokenizer that `pre` names.
    package var addsBOS, addsEOS: Bool?
    /// `add_space_prefix`.
    package var addsSpacePrefix: Bool?

    package init(
        subject: String, model: String, pre: String? = nil, tokens: StringTable, tokenTypes: [Int] = [],
        merges: StringTable = StringTable()
    ) {
        self.subject = subject
        self.model = model
        self.pre = pre
        self.tokens = tokens
        self.tokenTypes = tokenTypes
        self.merges = merges
    }
}

extension Tokenizer {
    /// Builds the tokenizer that a GGUF file describes.
    ///
    /// - Throws: `InputError` that names the key, token or merge which is missing, wrong or not supported.
    package convenience init(tables: TokenizerTables) throws(InputError) {
        let subject = tables.subject
        guard tables.model == "gpt2" else {
            throw InputError(
                subject, at: "tokenizer.ggml.model", "a tokenizer of the kind \"\(tables.model)\"",
                remedy: "byte-level BPE (\"gpt2\") is what can be read so far")
        }
        let recipe = try PreTokenizerRecipe(named: tables.pre ?? "default", subject: subject)
        let vocabulary = try Vocabulary(texts: tables.tokens, kinds: try Self.kinds(tables), subject: subject)
        let named = try Self.namedTokens(tables, vocabulary)
        let endOfGeneration = EndOfGeneration.claim(in: vocabulary, named: [named.eos, named.eot, named.eom])
        var preTokenizer = try PreTokenizer(patterns: recipe.patterns, subject: subject)
        preTokenizer.addsPrefixSpace = tables.addsSpacePrefix ?? false
        let model = try ByteLevelBPE(
            vocabulary: vocabulary, merges: tables.merges, preTokenizer: preTokenizer, ignoresMerges: recipe.ignoresMerges,
            unknown: nil, subject: subject)
        let special = SpecialTokens(vocabulary: vocabulary)
        let prefix = try Self.edge(tables.addsBOS ?? recipe.addsBOS, named.bos, "BOS", subject)
        let suffix = try Self.edge(tables.addsEOS ?? false, named.eos, "EOS", subject)
        self.init(
            vocabulary: vocabulary, model: .byteLevelBPE(model), specialTokens: special, named: named,
            endOfGeneration: endOfGeneration, prefix: prefix, suffix: suffix)
    }

    private static func kinds(_ tables: TokenizerTables) throws(InputError) -> [Vocabulary.Kind] {
        let count = tables.tokens.count
        if tables.tokenTypes.isEmpty { return Array(repeating: .normal, count: count) }
        guard tables.tokenTypes.count == count else {
            throw InputError(
                tables.subject, at: "tokenizer.ggml.token_type",
                "\(tables.tokenTypes.count) types for \(count) tokens; there must be one each")
        }
        return tables.tokenTypes.map { UInt8(exactly: $0).flatMap(Vocabulary.Kind.init) ?? .undefined }
    }

    private static func namedTokens(_ tables: TokenizerTables, _ vocabulary: Vocabulary) throws(InputError) -> NamedTokens {
        func checked(_ id: Int?, _ key: String) throws(InputError) -> Int32? {
            guard let id else { return nil }
            guard id >= 0, id < vocabulary.count else {
                throw InputError(
                    tables.subject, at: "tokenizer.ggml.\(key)", "token \(id) is outside the vocabulary of \(vocabulary.count) tokens")
            }
            return Int32(id)
        }
        return NamedTokens(
            bos: try checked(tables.bos, "bos_token_id"), eos: try checked(tables.eos, "eos_token_id"),
            eot: try checked(tables.eot, "eot_token_id"), eom: try checked(tables.eom, "eom_token_id"),
            unknown: try checked(tables.unknown, "unknown_token_id"), padding: try checked(tables.padding, "padding_token_id"))
    }

    private static func edge(_ isAdded: Bool, _ token: Int32?, _ name: String, _ subject: String) throws(InputError) -> [Int32] {
        guard isAdded else { return [] }
        guard let token else {
            throw InputError(
                subject, at: "tokenizer.ggml.add_\(name.lowercased())_token",
                "\(name) is to be added to texts, but the file names no \(name) token")
        }
        return [token]
    }
}

extension SpecialTokens {
    /// Control, unknown and user-defined tokens; the last are matched always.
    init(vocabulary: Vocabulary) {
        var entries: [Entry] = []
        for (id, kind) in vocabulary.kinds.enumerated() {
            switch kind {
            case .control, .unknown, .userDefined:
                entries.append(Entry(id: Int32(id), text: Array(vocabulary.text(id)), isSpecial: kind != .userDefined))
            case .undefined, .normal, .unused, .byte: break
            }
        }
        self.init(entries)
    }
}
