import ApusBase

/// The tokenizers of ChatGLM (Du et al. 2022; GLM team 2024): SentencePiece's or tiktoken's pieces, and special tokens that no file lists.
extension Tokenizer {
    /// Builds the tokenizer of ChatGLM2 or ChatGLM3 from its `tokenizer.model`. A text begins with `[gMASK]` and `sop`; what follows a special
    /// token is encoded by itself. `sop` and `eop` are matched as whole words alone.
    ///
    /// - Parameters:
    ///   - bytes: the file's bytes.
    ///   - hasRoles: whether ChatGLM3's tokens for the roles of a conversation stand behind the others.
    ///   - config: the bytes of `tokenizer_config.json`: names of special tokens, and tokens that were added.
    ///   - subject: names the file in errors.
    /// - Throws: an `InputError` for a file that is cut or malformed.
    public convenience init(
        chatGLM2 bytes: [UInt8], hasRoles: Bool, config: [UInt8]? = nil, subject: String = "tokenizer.model"
    ) throws(InputError) {
        let model = try ChatGLM2Pieces(bytes, hasRoles: hasRoles, config: config, subject: subject)
        var parts = try Self.parts(model.file, model.tokens, config: config, prefixesParts: true)
        parts.specialTokens = model.matchedTokens.specialTokens(normalizedBy: nil)
        (parts.prefix, parts.suffix) = (model.start.map(Int32.init), [])
        if hasRoles { parts.endOfGeneration.formUnion(["<|user|>", "<|observation|>"].compactMap { parts.vocabulary.id($0).map(Int32.init) }) }
        self.init(parts)
    }

    /// Builds the tokenizer of ChatGLM-6B from its `ice_text.model`. Line ends, tabs and runs of spaces are tokens of their own; behind a text
    /// stand `[gMASK]` and `<sop>`, where the answer begins.
    ///
    /// The first releases' file has no special tokens, no white space and no bytes, which are put behind its pieces, and 20 000 ids of pictures
    /// go before them unless `num_image_tokens` of `tokenizer_config.json` says otherwise.
    ///
    /// - Parameters:
    ///   - bytes: the file's bytes.
    ///   - config: the bytes of `tokenizer_config.json`.
    ///   - subject: names the file in errors.
    /// - Throws: an `InputError` for a file that is cut, malformed or another model's, and for options that change texts.
    public convenience init(chatGLM bytes: [UInt8], config: [UInt8]? = nil, subject: String = "ice_text.model") throws(InputError) {
        var options = JSON.null
        if let config { options = try JSON(parsing: config, subject: "tokenizer_config.json") }
        for key in ["do_lower_case", "remove_space"] where options[key]?.bool == true {
            throw InputError(subject + " with its tokenizer_config.json", at: key, "is not supported", remedy: "ChatGLM-6B was trained without it")
        }
        let pictures = options["num_image_tokens"] ?? .integer(20000)
        guard let pictures = pictures.int, (0...1_000_000).contains(pictures) else {
            throw InputError(subject + " with its tokenizer_config.json", at: "num_image_tokens", "must be a whole number from 0 to 1000000")
        }
        let file = try SentencePieceModel.chatGLM(bytes, pictures: pictures, subject: subject)
        let tokens = try TokenizerFile.sentencePiece(file, config: config, addedTokens: nil)
        var parts = try Self.parts(file, tokens, config: config, prefixesParts: true)
        func id(_ text: String) -> Int32? { parts.vocabulary.id(text).map(Int32.init) }
        parts.named.eos = parts.named.eos.flatMap { parts.vocabulary.string(Int($0)) == "</s>" ? nil : $0 } ?? id("<eop>")
        parts.endOfGeneration.formUnion([id("<eop>")!, parts.named.eos!])
        (parts.prefix, parts.suffix) = ([], ["[gMASK]", "<sop>"].compactMap(id))
        parts.opensAnswer = true
        parts.normalizer.steps.insert(
            contentsOf: [.replace(.text([0x0A]), with: Array("<n>".utf8)), .replace(.text([0x09]), with: Array(WhiteSpace.tab.utf8)), .runsOfSpaces],
            at: 0)
        parts.decodedTexts[id("<n>")!] = [0x0A]
        parts.decodedTexts[id(WhiteSpace.tab)!] = [0x09]
        for count in WhiteSpace.runs { parts.decodedTexts[id(WhiteSpace.text(ofRun: count))!] = Array(repeating: 0x20, count: count) }
        self.init(parts)
    }

    /// Builds the tokenizer of GLM-4 from its `tokenizer.model`, a file of tiktoken's. A text begins with `[gMASK]` and `<sop>`.
    ///
    /// - Parameters:
    ///   - bytes: the file's bytes.
    ///   - subject: names the file in errors.
    /// - Throws: an `InputError` for a file that is malformed.
    public convenience init(glm4 bytes: [UInt8], subject: String = "tokenizer.model") throws(InputError) {
        let count = try Self.tiktokenRanks(bytes, subject: subject).count
        self.init(try Self.parts(tiktoken: bytes, .glm4(rankCount: count), subject: subject))
    }
}

/// ChatGLM-6B's tokens for white space.
enum WhiteSpace {
    static let tab = "<|tab|>"
    /// Spaces that a token stands for.
    static let runs = 2...80

    static func text(ofRun count: Int) -> String { "<|blank_\(count)|>" }

    /// The text with such tokens for runs of spaces, the longest first; nil without two spaces that touch.
    static func replacingRuns(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var result: [UInt8] = [], at = 0, isChanged = false
        result.reserveCapacity(text.count + 64)
        while at < text.count {
            let count = text[at...].prefix(runs.upperBound).prefix { $0 == 0x20 }.count
            if count < runs.lowerBound {
                result.append(text[at])
                at += 1
            } else {
                result += WhiteSpace.text(ofRun: count).utf8
                at += count
                isChanged = true
            }
        }
        return isChanged ? result : nil
    }
}

/// ChatGLM2's and ChatGLM3's model with the special tokens that stand behind its pieces.
struct ChatGLM2Pieces {
    let file: SentencePieceModel
    let tokens: TokenizerFile
    /// The tokens as they are matched in texts.
    let matchedTokens: TokenizerFile
    /// What a text begins with: `[gMASK]` and `sop`.
    let start: [Int]

    init(_ bytes: [UInt8], hasRoles: Bool, config: [UInt8]?, subject: String) throws(InputError) {
        var file = try SentencePieceModel(bytes, subject: subject)
        let first = file.pieces.count, bare = ["sop", "eop"], pieces = Set((0..<first).map(file.pieces.string))
        for text in ["[MASK]", "[gMASK]", "[sMASK]"] { file.append(text, .control) }
        // Pieces may have the same texts.
        for text in bare { file.append(pieces.contains(text) ? "<|\(text)|>" : text, .control) }
        for role in hasRoles ? ["system", "user", "assistant", "observation"] : [] { file.append("<|\(role)|>", .control) }
        tokens = try TokenizerFile.sentencePiece(file, config: config, addedTokens: nil)
        var matched = tokens
        for index in matched.addedTokens.indices {
            guard case let place = matched.addedTokens[index].id - first - 3, bare.indices.contains(place) else { continue }
            // Inside of words they are letters like any other.
            (matched.addedTokens[index].text, matched.addedTokens[index].isWholeWord) = (bare[place], true)
        }
        (self.file, matchedTokens, start) = (file, matched, [first + 1, first + 3])
    }
}

extension SentencePieceModel {
    /// ChatGLM-6B's model with all its tokens.
    fileprivate static func chatGLM(_ bytes: [UInt8], pictures: Int, subject: String) throws(InputError) -> SentencePieceModel {
        var file = try SentencePieceModel(bytes, subject: subject)
        let special = ["[MASK]", "[gMASK]", "[sMASK]", "<unused_0>", "<sop>", "<eop>", "<ENC>", "<dBLOCK>"]
        let space = ["<n>", WhiteSpace.tab] + WhiteSpace.runs.map(WhiteSpace.text)
        if !(0..<file.pieces.count).contains(where: { file.pieces[$0].elementsEqual("[gMASK]".utf8) }) {
            for text in special { file.append(text, .control) }
            for text in space.dropFirst() { file.append(text, .userDefined) }
            for byte in UInt8.min ... .max where !file.hasByteFallback { file.append(String(decoding: ByteFallback.text(byte), as: UTF8.self), .byte) }
            file.hasByteFallback = true
        }
        var ids: [String: Int] = [:]
        for id in 0..<file.pieces.count { ids[file.pieces.string(id)] = id }
        if let missing = (special + space).first(where: { ids[$0] == nil }) {
            throw InputError(subject, "has no piece \(missing), so that it is not ChatGLM-6B's", remedy: "fetch the model's ice_text.model")
        }
        for text in special { file.types[ids[text]!] = Int(Vocabulary.Kind.control.rawValue) }
        file.insertPictures(pictures)
        return file
    }

    fileprivate mutating func append(_ text: String, _ kind: Vocabulary.Kind) {
        pieces.append(text.utf8)
        scores.append(0)
        types.append(Int(kind.rawValue))
    }

    /// Puts the ids of pictures before the pieces.
    private mutating func insertPictures(_ count: Int) {
        guard count > 0 else { return }
        var all = StringTable((0..<count).map { "<image_\($0)>" })
        for id in 0..<pieces.count { all.append(pieces[id]) }
        pieces = all
        scores = Array(repeating: 0, count: count) + scores
        types = Array(repeating: Int(Vocabulary.Kind.control.rawValue), count: count) + types
    }
}
