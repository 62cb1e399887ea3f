import ApusBase
import ApusTokenizers

/// What the folders of ChatGLM leave to code that came with the weights: which tokenizer their file is of, and how a conversation is written.
extension ModelSource {
    /// The releases whose texts differ.
    private enum ChatGLMRelease {
        /// ChatGLM-6B.
        case first
        case second, third
        /// GLM-4 and its kin by the files that it was released with.
        case fourth
        /// The second or the third, which nothing tells apart.
        case secondOrThird
    }

    private static let iceText = "ice_text.model", pieces = "tokenizer.model"

    /// Nil for other families, and for folders with a `tokenizer.json`.
    private static func chatGLMRelease(_ path: String, config: [UInt8]?) throws(InputError) -> ChatGLMRelease? {
        let isFirst = fileExists(path + "/" + iceText)
        guard isFirst || fileExists(path + "/" + pieces), !fileExists(path + "/tokenizer.json") else { return nil }
        let (kind, options) = try tokenizerKind(path, config: config)
        guard let kind, ["ChatGLMTokenizer", "ChatGLM4Tokenizer", "chatglm"].contains(kind) else { return nil }
        if isFirst { return .first }
        if Tokenizer.isTiktoken(try FileReader.contents(of: path + "/" + pieces)) { return .fourth }
        var names = [options["name_or_path"]?.string]
        if fileExists(path + "/config.json") { names.append(try JSON(contentsOf: path + "/config.json")["_name_or_path"]?.string) }
        func isNamed(_ name: String) -> Bool { names.contains { $0?.lowercased().contains(name) == true } }
        let added = (options["added_tokens_decoder"]?.object?.members ?? []).compactMap { $0.value["content"]?.string }
        if isNamed("chatglm3") || added.contains("<|user|>") { return .third }
        return isNamed("chatglm2") ? .second : .secondOrThird
    }

    /// The tokenizer of a folder of ChatGLM's; nil for others.
    static func chatGLMTokenizer(_ path: String, config: [UInt8]?) throws(InputError) -> Tokenizer? {
        guard let release = try chatGLMRelease(path, config: config) else { return nil }
        let file = path + "/" + (release == .first ? iceText : pieces), bytes = try FileReader.contents(of: file)
        switch release {
        case .first: return try Tokenizer(chatGLM: bytes, config: config, subject: file)
        case .second: return try Tokenizer(chatGLM2: bytes, hasRoles: false, config: config, subject: file)
        case .third, .secondOrThird: return try Tokenizer(chatGLM2: bytes, hasRoles: true, config: config, subject: file)
        case .fourth: return try Tokenizer(glm4: bytes, subject: file)
        }
    }

    /// The tables of a GGUF file for a folder of ChatGLM2 or ChatGLM3; nil for others.
    static func chatGLMTables(_ path: String, config: [UInt8]?, count: Int) throws(InputError) -> TokenizerTables? {
        let file = path + "/" + pieces
        switch try chatGLMRelease(path, config: config) {
        case .second:
            return try TokenizerTables(chatGLM2: FileReader.contents(of: file), hasRoles: false, config: config, subject: file, count: count)
        case .third, .secondOrThird:
            return try TokenizerTables(chatGLM2: FileReader.contents(of: file), hasRoles: true, config: config, subject: file, count: count)
        case .first, .fourth, nil: return nil
        }
    }

    /// The template of what the released code does with a conversation; nil where it is not known.
    static func chatGLMTemplate(_ path: String) throws(InputError) -> String? {
        let file = path + "/tokenizer_config.json"
        switch try chatGLMRelease(path, config: fileExists(file) ? FileReader.contents(of: file) : nil) {
        case .first: return ChatGLMTemplate.first
        case .second: return ChatGLMTemplate.second
        case .third: return ChatGLMTemplate.roles(start: "[gMASK]sop", gap: #"\n "#)
        case .fourth: return ChatGLMTemplate.roles(start: "[gMASK]<sop>", gap: #"\n"#)
        case .secondOrThird, nil: return nil
        }
    }
}
