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
        let file = try TokenizerFile.read(bytes, subject: subject)
        try file.checkModel()
        let normalizesToNFC = try file.normalizesToNFC(file.normalizer, at: "normalizer")
        try file.checkDecoder(file.decoder, at: "decoder")
        let preTokenizer = try file.readPreTokenizer()
        let vocabulary = try file.vocabulary()
        let unknown = try file.unknownToken(vocabulary)
        let model = try ByteLevelBPE(
            vocabulary: vocabulary, merges: file.merges, preTokenizer: preTokenizer,
            ignoresMerges: file.modelOptions["ignore_merges"]?.bool ?? false, unknown: unknown, subject: subject)
        var edges = try file.edges(vocabulary)
        let settings = try Self.settings(config, vocabulary, subject: subject)
        var named = settings.named
        if named.bos == nil { named.bos = edges.prefix.first }
        if settings.addsBOS, let bos = named.bos, !edges.prefix.contains(bos) { edges.prefix.insert(bos, at: 0) }
        if settings.addsEOS, let eos = named.eos, !edges.suffix.contains(eos) { edges.suffix.append(eos) }
        self.init(
            vocabulary: vocabulary, model: .byteLevelBPE(model), specialTokens: file.specialTokens, named: named,
            endOfGeneration: EndOfGeneration.find(in: vocabulary, named: [named.eos]), prefix: edges.prefix, suffix: edges.suffix,
            normalizesToNFC: normalizesToNFC)
    }

    /// The same for bytes in an array.
    public convenience init(tokenizerJSON bytes: [UInt8], config: [UInt8]? = nil, subject: String = "tokenizer.json") throws(InputError) {
        let span = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { span.deallocate() }
        span.copyBytes(from: bytes)
        try self.init(tokenizerJSON: UnsafeRawBufferPointer(span), config: config, subject: subject)
    }

    private static func settings(
        _ config: [UInt8]?, _ vocabulary: Vocabulary, subject: String
    ) throws(InputError) -> (named: NamedTokens, addsBOS: Bool, addsEOS: Bool) {
        guard let config else { return (NamedTokens(), false, false) }
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
        return (named, json["add_bos_token"]?.bool ?? false, json["add_eos_token"]?.bool ?? false)
    }
}

extension TokenizerFile {
    func checkModel() throws(InputError) {
        let type = modelOptions["type"]?.string ?? "BPE"
        guard type == "BPE" else {
            throw error("model.type", "a tokenizer of the kind \"\(type)\"", remedy: "byte-level BPE is what can be read so far")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard modelOptions[key]?.string ?? "" == "" else { throw error("model.\(key)", "is not supported in a byte-level BPE") }
        }
        guard modelOptions["byte_fallback"]?.bool != true else { throw error("model.byte_fallback", "belongs to no byte-level BPE") }
        guard modelOptions["dropout"]?.double ?? 0 == 0 else {
            throw error("model.dropout", "random merges are not supported", remedy: "set it to null to encode as in inference")
        }
    }

    func unknownToken(_ vocabulary: Vocabulary) throws(InputError) -> Int? {
        guard let text = modelOptions["unk_token"]?.string else { return nil }
        guard let id = vocabulary.id(text) else { throw error("model.unk_token", "\"\(text)\" is not in the vocabulary") }
        guard modelOptions["fuse_unk"]?.bool != true else { throw error("model.fuse_unk", "is not supported in a byte-level BPE") }
        return id
    }

    func normalizesToNFC(_ component: JSON, at location: String) throws(InputError) -> Bool {
        if component.isNull { return false }
        switch component["type"]?.string {
        case "NFC": return true
        case "Sequence":
            var found = false
            for (index, part) in (component["normalizers"]?.array ?? []).enumerated() {
                if try normalizesToNFC(part, at: "\(location).normalizers[\(index)]") { found = true }
            }
            return found
        case let type: throw error(location, "the normalizer \"\(type ?? "without a type")\" is not supported", remedy: "NFC and none are")
        }
    }

    func checkDecoder(_ component: JSON, at location: String) throws(InputError) {
        if component.isNull { return }
        switch component["type"]?.string {
        case "ByteLevel": return
        case "Sequence":
            for (index, part) in (component["decoders"]?.array ?? []).enumerated() {
                try checkDecoder(part, at: "\(location).decoders[\(index)]")
            }
        case let type: throw error(location, "the decoder \"\(type ?? "without a type")\" is not that of a byte-level BPE")
        }
    }
}
