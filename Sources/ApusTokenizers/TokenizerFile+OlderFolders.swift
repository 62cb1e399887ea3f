import ApusBase

/// The `tokenizer.json` that transformers makes of the older files of a folder.
extension TokenizerFile {
    /// The ids of the special tokens by their key in `tokenizer_config.json`.
    typealias SpecialIDs = [String: Int]

    private static let specialKeys = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]
    private static let specialLists = ["additional_special_tokens", "extra_special_tokens"]

    /// Adds the tokens of `added_tokens_decoder`, or else those of `added_tokens.json`, and the special ones that are named.
    ///
    /// - Parameters:
    ///   - config: `tokenizer_config.json`.
    ///   - list: the bytes of `added_tokens.json`, ids by text.
    ///   - usual: special tokens that the model's kind has unless `config` names others.
    /// - Throws: an `InputError` for a token that is malformed, or a usual one that the vocabulary lacks.
    mutating func addTokens(config: JSON, list: [UInt8]?, usual: [String: String]) throws(InputError) -> SpecialIDs {
        let vocabulary = try Vocabulary(texts: texts, kinds: Array(repeating: .normal, count: texts.count), subject: subject)
        let special = Self.specialKeys.map { (key: $0, token: Self.isNamed(config[$0]) ? config[$0]! : usual[$0].map(JSON.string) ?? .null) }
        let others = Self.specialLists.flatMap { config[$0]?.array ?? [] }
        try addListed(config["added_tokens_decoder"], list, special: Set((special.map(\.token) + others).compactMap(Self.text)))
        var ids = SpecialIDs()
        for (key, token) in special {
            guard let text = Self.text(token) else { continue }
            guard let known = addedTokens.first(where: { $0.text == text })?.id ?? vocabulary.id(text) else {
                throw InputError(subject, "the vocabulary has no \(text), which is the \(key)")
            }
            ids[key] = known
            try addSpecial(token, text, id: known)
        }
        for token in others {
            guard let text = Self.text(token), !text.isEmpty else { continue }
            try addSpecial(token, text, id: vocabulary.id(text) ?? max(texts.count, (addedTokens.map(\.id).max() ?? -1) + 1))
        }
        return ids
    }

    /// The text of a token of `tokenizer_config.json`, which may be an object with options.
    static func text(_ token: JSON) -> String? { token.string ?? token["content"]?.string }

    private static func isNamed(_ token: JSON?) -> Bool { token.flatMap(text) != nil }

    /// Unless it was added already.
    private mutating func addSpecial(_ token: JSON, _ text: String, id: Int) throws(InputError) {
        if let index = addedTokens.firstIndex(where: { $0.text == text }) {
            addedTokens[index].isSpecial = true
        } else {
            var added = try addedToken(token, id: id, text: text, isNormalized: false, at: "tokenizer_config.json")
            added.isSpecial = true
            addedTokens.append(added)
        }
    }

    private mutating func addListed(_ decoder: JSON?, _ list: [UInt8]?, special: Set<String>) throws(InputError) {
        if let decoder, !decoder.isNull {
            for (key, token) in decoder.object?.members ?? [] {
                let location = "added_tokens_decoder.\(key) of tokenizer_config.json"
                guard let id = Int(key), id >= 0, let text = token["content"]?.string, !text.isEmpty else {
                    throw error(location, "must be an id with a \"content\" that is not empty")
                }
                let isSpecial = try flag(token, "special", false, at: location)
                addedTokens.append(try addedToken(token, id: id, text: text, isNormalized: !isSpecial, at: location))
            }
        } else if let list {
            for (text, id) in try JSON(parsing: list, subject: "added_tokens.json").object?.members ?? [] {
                guard let id = id.int, id >= 0, !text.isEmpty else { throw error("\"\(text)\" of added_tokens.json", "must have an id from 0 upwards") }
                let isSpecial = special.contains(text)
                addedTokens.append(
                    AddedToken(
                        id: id, text: text, isSpecial: isSpecial, stripsLeft: false, stripsRight: false, isWholeWord: false, isNormalized: !isSpecial))
            }
        }
        addedTokens.sort { $0.id < $1.id }
    }

    /// The pieces of a SentencePiece file and the tokens that are matched in texts: those that a folder adds, and the file's own control
    /// tokens. Transformers' tokenizers by SentencePiece match them in raw text, whatever their options say of normalized text.
    ///
    /// - Parameters:
    ///   - config: the bytes of `tokenizer_config.json`.
    ///   - addedTokens: the bytes of `added_tokens.json`.
    ///   - sentinels: how many `<extra_id_0>`, `<extra_id_1>` … stand behind the pieces, the first one last.
    static func sentencePiece(_ pieces: SentencePieceModel, config: [UInt8]?, addedTokens list: [UInt8]?, sentinels: Int = 0) throws(InputError) -> Self {
        let options = try config.map { (bytes) throws(InputError) in try JSON(parsing: bytes, subject: "tokenizer_config.json") } ?? .null
        var file = Self(subject: pieces.subject, normalizer: .null, preTokenizer: .null, decoder: .null, modelOptions: [:], texts: pieces.pieces)
        for number in 0..<sentinels {
            file.addMatched("<extra_id_\(number)>", id: pieces.pieces.count + sentinels - 1 - number)
        }
        _ = try file.addTokens(config: options, list: list, usual: [:])
        for index in file.addedTokens.indices { file.addedTokens[index].isNormalized = false }
        let known = Set(file.addedTokens.map(\.id))
        for (id, type) in pieces.types.enumerated() where type == Int(Vocabulary.Kind.control.rawValue) && !known.contains(id) {
            file.addMatched(pieces.pieces.string(id), id: id)
        }
        return file
    }

    /// Adds a special token that is matched as it stands.
    private mutating func addMatched(_ text: String, id: Int) {
        addedTokens.append(AddedToken(id: id, text: text, isSpecial: true, stripsLeft: false, stripsRight: false, isWholeWord: false, isNormalized: false))
    }

    /// Puts one token before a text, and one behind.
    mutating func surround(with first: (text: String, id: Int), _ last: (text: String, id: Int)) {
        func token(_ text: String) -> JSON { .object(["SpecialToken": .object(["id": .string(text), "type_id": .integer(0)])]) }
        var special = JSONObject()
        for (text, id) in [first, last] { special[text] = .object(["id": .string(text), "ids": .array([.integer(id)]), "tokens": .array([.string(text)])]) }
        let text = JSON.object(["Sequence": .object(["id": .string("A"), "type_id": .integer(0)])])
        postProcessor = .object([
            "type": .string("TemplateProcessing"), "single": .array([token(first.text), text, token(last.text)]), "special_tokens": .object(special),
        ])
    }
}
