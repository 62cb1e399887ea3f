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
    /// `scores` of the tokens of a SentencePiece vocabulary.
    package var scores: [Double] = []
    /// `remove_extra_whitespaces`.
    package var removesExtraSpaces: Bool?
    /// `precompiled_charsmap`: SentencePiece's compiled table of text replacements.
    package var charsMap: [UInt8] = []
    /// `cls_token_id`, `seperator_token_id` (so spelled): what BERT puts around a text.
    package var classification, separator: Int?
    /// `mask_token_id`: stands for a hidden token.
    package var mask: Int?
    /// `normalizer.lowercase`, true unless said otherwise, and `normalizer.strip_accents`, like it unless said otherwise.
    package var lowercases, stripsAccents: Bool?
    /// What the tables cannot say of the tokenizer that they were made of, and what comes of it.
    package var notes: [String] = []

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
        let vocabulary = try Vocabulary(texts: tables.tokens, kinds: try Self.kinds(tables), subject: tables.subject)
        let named = try Self.namedTokens(tables, vocabulary)
        let endOfGeneration = EndOfGeneration.claim(in: vocabulary, named: [named.eos, named.eot, named.eom])
        var parts: Parts
        switch tables.model {
        case "gpt2": parts = try Self.byteLevel(tables, vocabulary, named)
        case "llama": parts = try Self.sentencePieceBPE(tables, vocabulary, named)
        case "gemma4": parts = try Self.gemma4(tables, vocabulary, named)
        case "t5": parts = try Self.unigram(tables, vocabulary, named)
        case "bert": parts = try Self.wordPiece(tables, vocabulary, named)
        default:
            throw InputError(
                tables.subject, at: "tokenizer.ggml.model", "a tokenizer of the kind \"\(tables.model)\"",
                remedy: "gpt2, llama, gemma4, t5 and bert can be read")
        }
        parts.named = named
        parts.endOfGeneration = endOfGeneration
        self.init(parts)
    }

    private static func byteLevel(_ tables: TokenizerTables, _ vocabulary: Vocabulary, _ named: NamedTokens) throws(InputError) -> Parts {
        let subject = tables.subject
        let recipe = try PreTokenizerRecipe(named: tables.pre ?? "default", subject: subject)
        var preTokenizer = try PreTokenizer(patterns: recipe.patterns, subject: subject)
        preTokenizer.addsPrefixSpace = tables.addsSpacePrefix ?? false
        let model = try ByteLevelBPE(
            vocabulary: vocabulary, merges: tables.merges, ignoresMerges: recipe.ignoresMerges, unknown: nil, subject: subject)
        // A vocabulary of single bytes alone needs none.
        let longer = (0..<vocabulary.count).first { vocabulary.kinds[$0] == .normal && vocabulary.string($0).count > 1 }
        if tables.merges.count == 0, let id = longer {
            throw InputError(
                subject, at: "tokenizer.ggml.merges", "there are none, and token \(id), \"\(vocabulary.string(id))\", is made by merges",
                remedy: "convert the model again")
        }
        return Parts(
            vocabulary: vocabulary, model: .byteLevelBPE(model), specialTokens: SpecialTokens(vocabulary: vocabulary), preTokenizer: preTokenizer,
            decoder: .byteLevel, prefix: try edge(tables.addsBOS ?? recipe.addsBOS, named.bos, "BOS", subject),
            suffix: try edge(tables.addsEOS ?? false, named.eos, "EOS", subject))
    }

    private static func kinds(_ tables: TokenizerTables) throws(InputError) -> [Vocabulary.Kind] {
        let count = tables.tokens.count
        if tables.tokenTypes.isEmpty { return Array(repeating: .normal, count: count) }
        guard tables.tokenTypes.count == count else {
            throw InputError(
                tables.subject, at: "tokenizer.ggml.token_type",
                "\(tables.tokenTypes.count) types for \(count) tokens; there must be one each")
        }
        var kinds: [Vocabulary.Kind] = []
        for (id, type) in tables.tokenTypes.enumerated() {
            guard let kind = UInt8(exactly: type).flatMap(Vocabulary.Kind.init) else {
                throw InputError(
                    tables.subject, at: "tokenizer.ggml.token_type", "token \(id) is of type \(type), which is not from 0 to 6",
                    remedy: "convert the model again")
            }
            kinds.append(kind)
        }
        return kinds
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

    static func edge(_ isAdded: Bool, _ token: Int32?, _ name: String, _ subject: String) throws(InputError) -> [Int32] {
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
    /// Control, unknown and user-defined tokens, or those of some kinds; user-defined ones are matched always, and control tokens of letters alone
    /// (ChatGLM3's "sop") not inside of words.
    init(
        vocabulary: Vocabulary,
        where isIncluded: (Vocabulary.Kind) -> Bool = { $0 == .control || $0 == .unknown || $0 == .userDefined }
    ) {
        var entries: [Entry] = []
        for (id, kind) in vocabulary.kinds.enumerated() where isIncluded(kind) {
            let text = Array(vocabulary.text(id)), isWord = text.allSatisfy { 0x61...0x7A ~= $0 | 0x20 }
            entries.append(Entry(id: Int32(id), text: text, isSpecial: kind != .userDefined, isWholeWord: kind == .control && isWord))
        }
        self.init(entries)
    }
}
