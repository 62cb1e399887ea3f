import ApusBase

extension Tokenizer {
    /// Builds the WordPiece tokenizer of a BERT model from its `vocab.txt`, a token a line.
    ///
    /// - Parameters:
    ///   - bytes: the bytes of `vocab.txt`.
    ///   - config: the bytes of `tokenizer_config.json`: `do_lower_case`, `strip_accents`, `tokenize_chinese_chars` and the special tokens.
    ///   - subject: how errors name the file.
    /// - Throws: an `InputError` for a vocabulary without the tokens that BERT needs.
    public convenience init(vocabTxt bytes: [UInt8], config: [UInt8]? = nil, subject: String = "vocab.txt") throws(InputError) {
        var texts = StringTable()
        let text = bytes.last == 0x0A ? bytes.dropLast() : bytes[...]
        for line in text.split(separator: 0x0A, omittingEmptySubsequences: false) { texts.append(line.last == 0x0D ? line.dropLast() : line) }
        let vocabulary = try Vocabulary(texts: texts, kinds: Array(repeating: .normal, count: texts.count), subject: subject)
        var options = JSON.null
        if let config { options = try JSON(parsing: config, subject: "tokenizer_config.json") }
        func token(_ key: String, _ text: String) throws(InputError) -> Int32 {
            let text = options[key]?.string ?? options[key]?["content"]?.string ?? text
            guard let id = vocabulary.id(text) else { throw InputError(subject, "the vocabulary has no \(text)") }
            vocabulary.setKind(.control, of: id)
            return Int32(id)
        }
        var named = NamedTokens()
        named.unknown = try token("unk_token", "[UNK]")
        named.padding = try token("pad_token", "[PAD]")
        let first = try token("cls_token", "[CLS]"), last = try token("sep_token", "[SEP]")
        if let mask = vocabulary.id(options["mask_token"]?.string ?? "[MASK]") { vocabulary.setKind(.control, of: mask) }
        let lowercases = options["do_lower_case"]?.bool ?? true
        let normalizer = BertNormalizer(
            setsChineseApart: options["tokenize_chinese_chars"]?.bool ?? true, stripsAccents: options["strip_accents"]?.bool ?? lowercases,
            lowercases: lowercases)
        let model = try WordPiece(vocabulary: vocabulary, unknown: Int(named.unknown!), subject: subject)
        self.init(
            Parts(
                vocabulary: vocabulary, model: .wordPiece(model), specialTokens: SpecialTokens(vocabulary: vocabulary),
                normalizer: Normalizer(steps: [.wellFormed, .bert(normalizer)]), preTokenizer: PreTokenizer(stages: [.bert]),
                decoder: TokenDecoder(steps: [.wordPiece(prefix: Array("##".utf8), cleansUp: true)]), named: named, prefix: [first], suffix: [last]))
    }
}
