import ApusBase

extension TokenizerTables {
    /// A `tokenizer.json` that encodes as these tables do, those of a byte-level BPE, a WordPiece or a unigram model.
    ///
    /// - Throws: an `InputError` when the tables are wrong or no `tokenizer.json` can say what they do.
    package func tokenizerJSON() throws(InputError) -> JSON {
        _ = try Tokenizer(tables: self)
        switch model {
        case "bert": return wordPieceJSON()
        case "t5": return try unigramJSON()
        default: return try byteLevelJSON()
        }
    }

    func tokenizerJSON(normalizer: JSON, preTokenizer: JSON, postProcessor: JSON, decoder: JSONObject, model: JSONObject) -> JSON {
        .object([
            "version": .string("1.0"), "truncation": .null, "padding": .null, "added_tokens": .array(addedTokens), "normalizer": normalizer,
            "pre_tokenizer": preTokenizer, "post_processor": postProcessor, "decoder": .object(decoder), "model": .object(model),
        ])
    }

    private func byteLevelJSON() throws(InputError) -> JSON {
        let recipe = try PreTokenizerRecipe(named: pre ?? "default", subject: subject)
        let before = addsBOS ?? recipe.addsBOS ? bos : nil, after = addsEOS ?? false ? eos : nil
        return tokenizerJSON(
            normalizer: .null, preTokenizer: try preTokenizer(recipe),
            postProcessor: template(before: before, after: after, startsSecond: true) ?? .object(byteLevel(addsPrefixSpace: true, usesPattern: true)),
            decoder: byteLevel(addsPrefixSpace: true, usesPattern: true), model: model(recipe))
    }

    private func model(_ recipe: PreTokenizerRecipe) -> JSONObject {
        var vocabulary = JSONObject()
        for id in 0..<tokens.count where !tokens[id].isEmpty { vocabulary[tokens.string(id)] = .integer(id) }
        return [
            "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null, "end_of_word_suffix": .null,
            "fuse_unk": .bool(false), "byte_fallback": .bool(false), "ignore_merges": .bool(recipe.ignoresMerges), "vocab": .object(vocabulary),
            "merges": .array((0..<merges.count).map { .string(merges.string($0)) }),
        ]
    }

    /// Control, unknown and user-defined tokens.
    private var addedTokens: [JSON] {
        tokenTypes.enumerated().compactMap { id, type in
            guard let kind = UInt8(exactly: type).flatMap(Vocabulary.Kind.init), [.control, .unknown, .userDefined].contains(kind),
                !tokens[id].isEmpty
            else { return nil }
            return .object([
                "id": .integer(id), "content": .string(tokens.string(id)), "single_word": .bool(false), "lstrip": .bool(false),
                "rstrip": .bool(false), "normalized": .bool(false), "special": .bool(kind != .userDefined),
            ])
        }
    }

    private func preTokenizer(_ recipe: PreTokenizerRecipe) throws(InputError) -> JSON {
        let addsSpace = addsSpacePrefix ?? false
        if recipe.patterns == [WordScanner.gpt2Pattern] { return .object(byteLevel(addsPrefixSpace: addsSpace, usesPattern: true)) }
        guard !addsSpace else {
            throw InputError(
                subject, at: "tokenizer.ggml.add_space_prefix", "tokenizer.json has no words for a space before texts with the patterns of \(pre ?? "default")")
        }
        let splits = recipe.patterns.map { pattern in
            JSON.object([
                "type": .string("Split"), "pattern": .object(["Regex": .string(pattern)]), "behavior": .string("Isolated"), "invert": .bool(false),
            ])
        }
        let stages = splits + [.object(byteLevel(addsPrefixSpace: false, usesPattern: false))]
        return .object(["type": .string("Sequence"), "pretokenizers": .array(stages)])
    }

    private func byteLevel(addsPrefixSpace: Bool, usesPattern: Bool) -> JSONObject {
        [
            "type": .string("ByteLevel"), "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": .bool(true), "use_regex": .bool(usesPattern),
        ]
    }

    /// Tokens around a text, and around each text of a pair, where the second one need not have one before it; nil: none.
    func template(before: Int?, after: Int?, startsSecond: Bool) -> JSON? {
        guard before != nil || after != nil else { return nil }
        func token(_ id: Int?, _ type: Int) -> [JSON] {
            guard let id else { return [] }
            return [.object(["SpecialToken": .object(["id": .string(tokens.string(id)), "type_id": .integer(type)])])]
        }
        func part(_ name: String, _ type: Int) -> [JSON] {
            token(type == 0 || startsSecond ? before : nil, type) + [.object(["Sequence": .object(["id": .string(name), "type_id": .integer(type)])])]
                + token(after, type)
        }
        var special = JSONObject()
        for id in [before, after].compactMap({ $0 }) {
            let text = JSON.string(tokens.string(id))
            special[tokens.string(id)] = .object(["id": text, "ids": .array([.integer(id)]), "tokens": .array([text])])
        }
        return .object([
            "type": .string("TemplateProcessing"), "single": .array(part("A", 0)), "pair": .array(part("A", 0) + part("B", 1)),
            "special_tokens": .object(special),
        ])
    }
}
