import ApusBase
import ApusCheckpoints
import ApusTokenizers

extension ModelSource {
    /// The tokenizer that comes with a model; it needs no tensors.
    /// - Parameter path: a `.gguf` file, or a folder with `tokenizer.json`, `tokenizer.model` or `vocab.txt`.
    public static func tokenizer(path: String) throws(InputError) -> Tokenizer {
        if path.hasSuffix(".gguf") { return try Tokenizer(tables: tables(GGUFFile(path: path).metadata, path: path)) }
        return try folderTokenizer(path).stopping(at: generationEnds(path))
    }

    /// The tokens at which a folder's configuration says that generation stops.
    private static func generationEnds(_ path: String) throws(InputError) -> [Int32] {
        for name in ["generation_config.json", "config.json"] where fileExists(path + "/" + name) {
            let file = path + "/" + name
            // What is wrong with a model's configuration is told when the model is read, which a tokenizer need not be.
            let json = name == "config.json" ? (try? JSON(contentsOf: file)) ?? .null : try JSON(contentsOf: file)
            guard let value = json["eos_token_id"], !value.isNull else { continue }
            var ids: [Int32] = []
            for id in value.array ?? [value] {
                guard let id = id.int.flatMap({ Int32(exactly: $0) }) else {
                    throw InputError(file, at: "eos_token_id", "must be the id of a token, or a list of them")
                }
                ids.append(id)
            }
            // Below 0 none is meant.
            return ids.filter { $0 >= 0 }
        }
        return []
    }

    /// The first of the files that a folder has; those behind say less, or the same in another form.
    private static func folderTokenizer(_ path: String) throws(InputError) -> Tokenizer {
        func contents(_ name: String) throws(InputError) -> [UInt8]? {
            fileExists(path + "/" + name) ? try FileReader.contents(of: path + "/" + name) : nil
        }
        let config = try contents("tokenizer_config.json"), added = try contents("added_tokens.json")
        if let bytes = try contents("tokenizer.json") {
            return try Tokenizer(tokenizerJSON: bytes, config: config, subject: path + "/tokenizer.json")
        }
        if let tokenizer = try chatGLMTokenizer(path, config: config) { return tokenizer }
        for name in ["tokenizer.model", "spiece.model", fairseqFile] {
            guard let bytes = try contents(name) else { continue }
            // LLaMA 3 gave this name to a file of another kind.
            if Tokenizer.isTiktoken(bytes) { return try Tokenizer(publishedTiktoken: bytes, subject: path + "/" + name) }
            if name == fairseqFile {
                try checkIsXLMRoberta(path, config: config)
                return try Tokenizer(xlmRoberta: bytes, config: config, addedTokens: added, subject: path + "/" + name)
            }
            return try Tokenizer(
                sentencePieceModel: bytes, config: config, addedTokens: added, sentinels: sentinels(path, config: config), subject: path + "/" + name)
        }
        if let bytes = try contents("vocab.txt") {
            return try Tokenizer(vocabTxt: bytes, config: config, addedTokens: added, subject: path + "/vocab.txt")
        }
        if let name = fileNames(inFolder: path).filter({ $0.hasSuffix(".tiktoken") }).min(), let bytes = try contents(name) {
            return try Tokenizer(publishedTiktoken: bytes, subject: path + "/" + name)
        }
        throw InputError(path, "holds no tokenizer.json, tokenizer.model, ice_text.model, vocab.txt or .tiktoken file", remedy: "fetch the model's tokenizer")
    }

    /// Has this name in the folders of models from fairseq, whose ids are not those of its pieces.
    static let fairseqFile = "sentencepiece.bpe.model"

    /// - Throws: an `InputError` unless a folder's configuration says that its tokenizer is XLM-R's: XGLM, mBART, NLLB and CamemBERT number the
    ///   pieces in other ways.
    static func checkIsXLMRoberta(_ path: String, config: [UInt8]?) throws(InputError) {
        let kind = try tokenizerKind(path, config: config).kind
        guard let kind, ["XLMRobertaTokenizer", "XLMRobertaTokenizerFast", "xlm-roberta"].contains(kind) else {
            throw InputError(
                path + "/" + fairseqFile,
                "without a tokenizer.json it is read as XLM-R's alone, but the folder's is \(kind ?? "not named in tokenizer_config.json or config.json")",
                remedy: "fetch the model's tokenizer.json")
        }
    }

    /// How many tokens for spans T5's tokenizer adds to its pieces, unless the folder lists all that are added.
    static func sentinels(_ path: String, config: [UInt8]?) throws(InputError) -> Int {
        let (kind, options) = try tokenizerKind(path, config: config)
        guard let kind, ["T5Tokenizer", "T5TokenizerFast", "MT5Tokenizer", "MT5TokenizerFast", "t5", "mt5"].contains(kind) else { return 0 }
        guard options["added_tokens_decoder"]?.object == nil else { return 0 }
        let count = options["extra_ids"] ?? .integer(100)
        guard let count = count.int, (0...65536).contains(count) else {
            throw InputError(path + "/tokenizer_config.json", at: "extra_ids", "must be a whole number from 0 to 65536")
        }
        return count
    }

    /// What a folder's configuration calls its tokenizer, or else its model; and `tokenizer_config.json`.
    static func tokenizerKind(_ path: String, config: [UInt8]?) throws(InputError) -> (kind: String?, options: JSON) {
        var model = JSON.null, options = JSON.null
        if fileExists(path + "/config.json") { model = try JSON(contentsOf: path + "/config.json") }
        if let config { options = try JSON(parsing: config, subject: path + "/tokenizer_config.json") }
        return (options["tokenizer_class"]?.string ?? model["tokenizer_class"]?.string ?? model["model_type"]?.string, options)
    }

    /// The same from metadata that is read already.
    public func tokenizer() throws(InputError) -> Tokenizer {
        guard let gguf else { return try Self.tokenizer(path: path) }
        return try Tokenizer(tables: Self.tables(gguf, path: path))
    }

    /// The chat template's text, from the file's metadata or the folder; nil when the model has none.
    public func chatTemplate() throws(InputError) -> String? {
        if let gguf { return try gguf.string("tokenizer.chat_template") }
        return try Self.folderTemplate(path)
    }

    /// The chat template that comes with a model; it needs no tensors.
    /// - Parameter path: a `.gguf` file, or a folder with `chat_template.jinja` or `tokenizer_config.json`.
    public static func chatTemplate(path: String) throws(InputError) -> String? {
        if path.hasSuffix(".gguf") { return try GGUFFile(path: path).metadata.string("tokenizer.chat_template") }
        return try folderTemplate(path)
    }

    private static func folderTemplate(_ path: String) throws(InputError) -> String? {
        let file = path + "/chat_template.jinja", config = path + "/tokenizer_config.json"
        if fileExists(file) { return String(decoding: try FileReader.contents(of: file), as: UTF8.self) }
        if fileExists(config), let value = try JSON(contentsOf: config)["chat_template"], !value.isNull {
            if let text = value.string { return text }
            guard let templates = value.array else {
                throw InputError(config, at: "chat_template", "must be a text, or a list of names and templates")
            }
            return templates.first { $0["name"]?.string == "default" }?["template"]?.string
        }
        return try chatGLMTemplate(path)
    }

    static func tables(_ metadata: GGUFMetadata, path: String) throws(InputError) -> TokenizerTables {
        let prefix = "tokenizer.ggml."
        guard let model = try metadata.string(prefix + "model"), let tokens = try metadata.strings(prefix + "tokens") else {
            throw InputError(path, at: "metadata \(prefix)model", "the file holds no tokenizer")
        }
        var tables = TokenizerTables(
            subject: path, model: model, pre: try metadata.string(prefix + "pre"), tokens: tokens,
            tokenTypes: try metadata.ints(prefix + "token_type") ?? [], merges: try metadata.strings(prefix + "merges") ?? StringTable())
        tables.bos = try metadata.int(prefix + "bos_token_id")
        tables.eos = try metadata.int(prefix + "eos_token_id")
        tables.eot = try metadata.int(prefix + "eot_token_id")
        tables.eom = try metadata.int(prefix + "eom_token_id")
        tables.unknown = try metadata.int(prefix + "unknown_token_id")
        tables.padding = try metadata.int(prefix + "padding_token_id")
        tables.addsBOS = try metadata.bool(prefix + "add_bos_token")
        tables.addsEOS = try metadata.bool(prefix + "add_eos_token")
        tables.addsSpacePrefix = try metadata.bool(prefix + "add_space_prefix")
        tables.scores = try metadata.doubles(prefix + "scores") ?? []
        tables.removesExtraSpaces = try metadata.bool(prefix + "remove_extra_whitespaces")
        tables.charsMap = (try metadata.ints(prefix + "precompiled_charsmap") ?? []).map { UInt8(truncatingIfNeeded: $0) }
        tables.classification = try metadata.int(prefix + "cls_token_id")
        tables.separator = try metadata.int(prefix + "seperator_token_id")
        tables.mask = try metadata.int(prefix + "mask_token_id")
        tables.lowercases = try metadata.bool(prefix + "normalizer.lowercase")
        tables.stripsAccents = try metadata.bool(prefix + "normalizer.strip_accents")
        return tables
    }
}
