import ApusBase
import ApusCheckpoints
import ApusTokenizers

/// Carries a model's tokenizer and chat template from one layout into the other.
enum TokenizerExport {
    /// The files beside config.json that tell about text, copied from folder to folder; so are those of sentence-transformers.
    private static let files = [
        "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "ice_text.model", "vocab.txt",
        "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "generation_config.json", "chat_template.jinja",
    ]

    // MARK: Into a folder

    /// Writes the tokenizer's files; returns their bytes, and notes on what could not be written.
    static func write(_ source: ModelSource, to folder: AtomicFolder) throws(InputError) -> (byteCount: Int, notes: [String]) {
        guard let gguf = source.gguf else { return (try copy(from: source.path, to: folder), []) }
        guard let model = try gguf.string("tokenizer.ggml.model") else { return (0, ["\(source.path): has no tokenizer, so the folder has none"]) }
        guard ["gpt2", "llama", "bert", "t5"].contains(model) else {
            return (0, ["\(source.path): its tokenizer is of the kind \(model), which cannot be written into a folder; add the model's own"])
        }
        let tables = try ModelSource.tables(gguf, path: source.path)
        var byteCount = 0, config: JSONObject = ["clean_up_tokenization_spaces": .bool(false)]
        if model != "llama" {
            byteCount += try folder.write("tokenizer.json", tables.tokenizerJSON().serialized(pretty: true) + "\n")
            config["tokenizer_class"] = .string("PreTrainedTokenizerFast")
        } else {
            byteCount += try write(tables.sentencePieceModel(), "tokenizer.model", to: folder)
            config["tokenizer_class"] = .string(source.description.architecture.hasPrefix("gemma") ? "GemmaTokenizer" : "LlamaTokenizer")
            config["add_bos_token"] = .bool(tables.addsBOS ?? true)
            config["add_eos_token"] = .bool(tables.addsEOS ?? false)
        }
        config["model_max_length"] = .integer(source.description.contextLength)
        let named = [
            // BERT's first token is GGUF's for the beginning.
            ("bos_token", model == "bert" ? nil : tables.bos), ("eos_token", tables.eos), ("unk_token", tables.unknown), ("pad_token", tables.padding),
            ("cls_token", tables.classification), ("sep_token", tables.separator), ("mask_token", tables.mask),
        ]
        for (key, id) in named {
            guard let id, id >= 0, id < tables.tokens.count else { continue }
            config[key] = .string(tables.tokens.string(id))
        }
        if let template = try source.chatTemplate() { config["chat_template"] = .string(template) }
        byteCount += try folder.write("tokenizer_config.json", JSON.object(config).serialized(pretty: true) + "\n")
        return (byteCount, [])
    }

    private static func write(_ bytes: [UInt8], _ name: String, to folder: AtomicFolder) throws(InputError) -> Int {
        let file = try AtomicFile(path: folder.temporaryPath + "/" + name)
        try file.write(bytes)
        try file.commit()
        return file.byteCount
    }

    private static func copy(from path: String, to folder: AtomicFolder) throws(InputError) -> Int {
        var byteCount = 0, names = files + ModelSource.embeddingFiles
        for name in ModelSource.poolingFolders where fileExists(path + "/" + name + "/config.json") {
            try folder.makeSubfolder(name)
            names.append(name + "/config.json")
        }
        for name in names where fileExists(path + "/" + name) {
            byteCount += try write(FileReader.contents(of: path + "/" + name), name, to: folder)
        }
        return byteCount
    }

    // MARK: Into a GGUF file

    /// Adds the `tokenizer.*` keys; returns notes on what could not be written.
    static func addTables(of source: ModelSource, to metadata: inout GGUFMetadata) throws(InputError) -> [String] {
        guard let tables = try tables(ofFolder: source.path, count: source.description.vocabularySize) else {
            return ["\(source.path): has no tokenizer.json, so the GGUF file has no tokenizer"]
        }
        let prefix = "tokenizer.ggml."
        metadata.set(prefix + "model", .string(tables.model))
        if let pre = tables.pre { metadata.set(prefix + "pre", .string(pre)) }
        metadata.set(prefix + "tokens", .strings(tables.tokens))
        metadata.set(prefix + "token_type", .integers(tables.tokenTypes))
        if !tables.scores.isEmpty { metadata.set(prefix + "scores", .numbers(tables.scores)) }
        if tables.merges.count > 0 { metadata.set(prefix + "merges", .strings(tables.merges)) }
        let ids = [
            ("bos", tables.bos), ("eos", tables.eos), ("eot", tables.eot), ("unknown", tables.unknown), ("padding", tables.padding),
            ("cls", tables.classification),
            // So spelled in the format.
            ("seperator", tables.separator), ("mask", tables.mask),
        ]
        for (name, id) in ids { if let id { metadata.set("\(prefix)\(name)_token_id", .integer(id)) } }
        if let adds = tables.addsBOS { metadata.set(prefix + "add_bos_token", .bool(adds)) }
        if let adds = tables.addsEOS { metadata.set(prefix + "add_eos_token", .bool(adds)) }
        if let adds = tables.addsSpacePrefix { metadata.set(prefix + "add_space_prefix", .bool(adds)) }
        if let removes = tables.removesExtraSpaces { metadata.set(prefix + "remove_extra_whitespaces", .bool(removes)) }
        if !tables.charsMap.isEmpty { metadata.set(prefix + "precompiled_charsmap", .integers(tables.charsMap.map(Int.init)), as: .uint8) }
        if let lowercases = tables.lowercases { metadata.set(prefix + "normalizer.lowercase", .bool(lowercases)) }
        if let strips = tables.stripsAccents { metadata.set(prefix + "normalizer.strip_accents", .bool(strips)) }
        if let template = try source.chatTemplate() { metadata.set("tokenizer.chat_template", .string(template)) }
        return tables.notes
    }

    /// A tokenizer.model of BPE says what llama.cpp needs of SentencePiece's pieces, their scores; a tokenizer.json beside it says no more.
    /// Of a unigram model the tokenizer.json says all, the tokens that were added to it too.
    private static func tables(ofFolder path: String, count: Int) throws(InputError) -> TokenizerTables? {
        func contents(_ name: String) throws(InputError) -> [UInt8]? {
            fileExists(path + "/" + name) ? try FileReader.contents(of: path + "/" + name) : nil
        }
        let config = try contents("tokenizer_config.json"), added = try contents("added_tokens.json")
        func model(_ name: String, onlyBPE: Bool = false) throws(InputError) -> TokenizerTables? {
            guard let bytes = try contents(name), !Tokenizer.isTiktoken(bytes) else { return nil }
            let subject = path + "/" + name
            if let tables = try ModelSource.chatGLMTables(path, config: config, count: count) { return tables }
            if onlyBPE, try Tokenizer.isUnigram(sentencePieceModel: bytes, subject: subject) { return nil }
            let sentinels = try ModelSource.sentinels(path, config: config)
            return try TokenizerTables(
                sentencePieceModel: bytes, config: config, addedTokens: added, sentinels: sentinels, subject: subject, count: count)
        }
        let json = try contents("tokenizer.json")
        if let tables = try model("tokenizer.model", onlyBPE: json != nil) { return tables }
        if let json { return try TokenizerTables(tokenizerJSON: json, config: config, subject: path + "/tokenizer.json", count: count) }
        if let tables = try model("spiece.model") { return tables }
        if let bytes = try contents(ModelSource.fairseqFile) {
            try ModelSource.checkIsXLMRoberta(path, config: config)
            return try TokenizerTables(xlmRoberta: bytes, config: config, addedTokens: added, subject: path + "/" + ModelSource.fairseqFile, count: count)
        }
        guard let bytes = try contents("vocab.txt") else { return nil }
        return try TokenizerTables(vocabTxt: bytes, config: config, addedTokens: added, subject: path + "/vocab.txt", count: count)
    }
}
