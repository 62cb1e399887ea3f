import ApusBase

extension Tokenizer {
    /// Builds the tokenizer of an XLM-R model from its `sentencepiece.bpe.model`: it gives the ids that transformers gives.
    ///
    /// They are those of fairseq, where the model was trained: `<s>`, `<pad>`, `</s>` and `<unk>`, then the pieces from the fourth on, and
    /// last of all `<mask>`. So an id is one more than SentencePiece's.
    ///
    /// - Parameters:
    ///   - bytes: the bytes of `sentencepiece.bpe.model`.
    ///   - config: the bytes of `tokenizer_config.json`: the special tokens and those that were added.
    ///   - addedTokens: the bytes of `added_tokens.json`, which older folders have instead.
    ///   - subject: how errors name the file.
    /// - Throws: an `InputError` for a file that is cut or malformed, or whose first pieces are others than XLM-R's.
    public convenience init(
        xlmRoberta bytes: [UInt8], config: [UInt8]? = nil, addedTokens: [UInt8]? = nil, subject: String = "sentencepiece.bpe.model"
    ) throws(InputError) {
        let (file, usual) = try TokenizerFile.xlmRoberta(bytes, config: config, addedTokens: addedTokens, subject: subject)
        try self.init(file, config: config, usual: usual)
    }
}

extension TokenizerFile {
    static func xlmRoberta(
        _ bytes: [UInt8], config: [UInt8]?, addedTokens: [UInt8]?, subject: String
    ) throws(InputError) -> (file: TokenizerFile, usual: Tokenizer.NamedTokens) {
        let pieces = try SentencePieceModel(bytes, subject: subject), first = ["<unk>", "<s>", "</s>"]
        guard pieces.kind == .unigram, !pieces.hasByteFallback, pieces.pieces.count > first.count, (0..<first.count).map(pieces.pieces.string) == first else {
            throw InputError(
                subject, "must be a unigram model whose pieces begin with \(first.joined(separator: ", ")), as XLM-R's is",
                remedy: "fetch the model's tokenizer.json")
        }
        var options = JSON.null
        if let config { options = try JSON(parsing: config, subject: "tokenizer_config.json") }
        let usual = [
            "bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>", "cls_token": "<s>",
            "sep_token": "</s>",
        ]
        func named(_ key: String) -> String { options[key].flatMap(text) ?? usual[key]! }
        var texts = StringTable(["bos_token", "pad_token", "eos_token", "unk_token"].map(named)), scores = Array(repeating: 0.0, count: 4)
        for id in first.count..<pieces.pieces.count { texts.append(pieces.pieces[id]) }
        texts.append(named("mask_token").utf8)
        scores += pieces.scores[first.count...] + [0]
        let addsSpace = options["add_prefix_space"]?.bool ?? true
        let metaspace: JSONObject = [
            "type": .string("Metaspace"), "replacement": .string("▁"), "prepend_scheme": .string(addsSpace ? "always" : "never"), "split": .bool(true),
        ]
        var file = TokenizerFile(
            subject: subject,
            normalizer: .object(["type": .string("Precompiled"), "precompiled_charsmap": .string(Base64.encoded(pieces.charsMap))]),
            preTokenizer: .object([
                "type": .string("Sequence"), "pretokenizers": .array([.object(["type": .string("WhitespaceSplit")]), .object(metaspace)]),
            ]),
            decoder: .object(metaspace), modelOptions: ["type": .string("Unigram"), "unk_id": .integer(3)], texts: texts, scores: scores)
        let ids = try file.addTokens(config: options, list: addedTokens, usual: usual).mapValues(Int32.init)
        file.surround(with: (named("bos_token"), 0), (named("eos_token"), 2))
        return (
            file,
            Tokenizer.NamedTokens(bos: ids["bos_token"], eos: ids["eos_token"], unknown: ids["unk_token"], padding: ids["pad_token"])
        )
    }
}
