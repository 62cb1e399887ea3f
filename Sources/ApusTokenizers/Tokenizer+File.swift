import ApusBase

extension Tokenizer {
    /// Builds the tokenizer of a `tokenizer.json`.
    ///
    /// - Parameters:
    ///   - bytes: the file's bytes.
    ///   - config: the bytes of `tokenizer_config.json`, which names BOS, EOS, unknown and padding tokens.
    ///   - subject: names the file in errors.
    /// - Throws: `InputError` that names the component which is malformed or not supported.
    public convenience init(
        tokenizerJSON bytes: UnsafeRawBufferPointer, config: [UInt8]? = nil, subject: String = "tokenizer.json"
    ) throws(InputError) {
        try self.init(TokenizerFile.read(bytes, subject: subject), config: config)
    }

    /// - Parameter usual: the tokens that the model's kind has unless `config` says otherwise.
    convenience init(_ file: TokenizerFile, config: [UInt8]?, usual: NamedTokens = NamedTokens()) throws(InputError) {
        let vocabulary = try file.vocabulary()
        let splitting = try file.readPreTokenizer()
        let model = try file.model(vocabulary, isByteLevel: splitting.isByteLevel)
        var normalizer = try file.readNormalizer()
        // Byte-level models take any bytes; the others are defined on text.
        if !splitting.isByteLevel { normalizer.steps.insert(.wellFormed, at: 0) }
        var edges = try file.edges(vocabulary)
        let settings = try Self.settings(config, vocabulary, subject: file.subject)
        let normalizedTokens = file.specialTokens(normalizedBy: normalizer)
        // A token that is matched in normalised text is decoded as it stands there.
        let decodedTexts = normalizedTokens.entries.filter { !vocabulary.text(Int($0.id)).elementsEqual($0.text) }.map { ($0.id, $0.text) }
        var named = settings.named
        (named.bos, named.eos) = (named.bos ?? usual.bos ?? edges.prefix.first, named.eos ?? usual.eos)
        (named.unknown, named.padding) = (named.unknown ?? usual.unknown, named.padding ?? usual.padding)
        if settings.addsBOS == true, let bos = named.bos, !edges.prefix.contains(bos) { edges.prefix.insert(bos, at: 0) }
        if settings.addsEOS == true, let eos = named.eos, !edges.suffix.contains(eos) { edges.suffix.append(eos) }
        self.init(
            Parts(
                vocabulary: vocabulary, model: model, specialTokens: file.specialTokens(normalizedBy: nil), normalizer: normalizer,
                normalizedTokens: normalizedTokens, preTokenizer: splitting.preTokenizer,
                decoder: try file.readDecoder(isByteLevel: splitting.isByteLevel), decodedTexts: Dictionary(decodedTexts) { $1 }, named: named,
                endOfGeneration: EndOfGeneration.find(in: vocabulary, named: [named.eos]), prefix: edges.prefix, suffix: edges.suffix))
    }

    /// The same for bytes in an array.
    public convenience init(tokenizerJSON bytes: [UInt8], config: [UInt8]? = nil, subject: String = "tokenizer.json") throws(InputError) {
        let span = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { span.deallocate() }
        span.copyBytes(from: bytes)
        try self.init(tokenizerJSON: UnsafeRawBufferPointer(span), config: config, subject: subject)
    }

    /// What `tokenizer_config.json` says of the ids that surround a text.
    struct Settings {
        var named = NamedTokens()
        var addsBOS, addsEOS: Bool?
        /// A space goes before what follows a special token, as in the first releases of LLaMA's tokenizer.
        var isLegacy = false
    }

    static func settings(_ config: [UInt8]?, _ vocabulary: Vocabulary, subject: String) throws(InputError) -> Settings {
        guard let config else { return Settings() }
        let subject = subject + " with its tokenizer_config.json"
        let json = try JSON(parsing: config, subject: subject)
        func token(_ key: String) throws(InputError) -> Int32? {
            guard let value = json[key], !value.isNull else { return nil }
            guard let text = value.string ?? value["content"]?.string, let id = vocabulary.id(text) else {
                throw InputError(subject, at: key, "must be the text of a token of the vocabulary, or an object with it as \"content\"")
            }
            return Int32(id)
        }
        let named = NamedTokens(
            bos: try token("bos_token"), eos: try token("eos_token"), unknown: try token("unk_token"), padding: try token("pad_token"))
        return Settings(
            named: named, addsBOS: json["add_bos_token"]?.bool, addsEOS: json["add_eos_token"]?.bool, isLegacy: json["legacy"]?.bool ?? false)
    }
}
