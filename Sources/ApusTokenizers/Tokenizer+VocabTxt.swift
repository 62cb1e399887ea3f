import ApusBase

extension Tokenizer {
    /// Builds the WordPiece tokenizer of a BERT model from its `vocab.txt`, a token a line.
    ///
    /// - Parameters:
    ///   - bytes: the bytes of `vocab.txt`.
    ///   - config: the bytes of `tokenizer_config.json`: `do_lower_case`, `strip_accents`, `tokenize_chinese_chars`, the special tokens and
    ///     those that were added.
    ///   - addedTokens: the bytes of `added_tokens.json`, which older folders have instead.
    ///   - subject: how errors name the file.
    /// - Throws: an `InputError` for a vocabulary without the tokens that BERT needs.
    public convenience init(
        vocabTxt bytes: [UInt8], config: [UInt8]? = nil, addedTokens: [UInt8]? = nil, subject: String = "vocab.txt"
    ) throws(InputError) {
        var texts = StringTable()
        let text = bytes.last == 0x0A ? bytes.dropLast() : bytes[...]
        for line in text.split(separator: 0x0A, omittingEmptySubsequences: false) { texts.append(line.last == 0x0D ? line.dropLast() : line) }
        var options = JSON.null
        if let config { options = try JSON(parsing: config, subject: "tokenizer_config.json") }
        func named(_ key: String, _ usual: String) -> String { options[key].flatMap(TokenizerFile.text) ?? usual }
        let lowercases = options["do_lower_case"]?.bool ?? true
        var file = TokenizerFile(
            subject: subject,
            normalizer: .object([
                "type": .string("BertNormalizer"), "clean_text": .bool(true), "handle_chinese_chars": options["tokenize_chinese_chars"] ?? .bool(true),
                "strip_accents": options["strip_accents"] ?? .null, "lowercase": .bool(lowercases),
            ]),
            preTokenizer: .object(["type": .string("BertPreTokenizer")]), decoder: .object(["type": .string("WordPiece")]),
            modelOptions: ["type": .string("WordPiece"), "unk_token": .string(named("unk_token", "[UNK]"))], texts: texts)
        var usual = ["unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"]
        // A vocabulary may have no token for hidden ones.
        if (0..<texts.count).contains(where: { texts[$0].elementsEqual("[MASK]".utf8) }) { usual["mask_token"] = "[MASK]" }
        let ids = try file.addTokens(config: options, list: addedTokens, usual: usual)
        file.surround(with: (named("cls_token", "[CLS]"), ids["cls_token"]!), (named("sep_token", "[SEP]"), ids["sep_token"]!))
        try self.init(file, config: config, usual: NamedTokens(unknown: Int32(ids["unk_token"]!), padding: Int32(ids["pad_token"]!)))
    }
}
