import ApusBase

extension Tokenizer {
    /// Builds a tokenizer from a file of tiktoken's: a token a line, its bytes in base64 and its rank, which is its id.
    ///
    /// - Parameters:
    ///   - bytes: the file's bytes.
    ///   - pattern: the regular expression whose matches are encoded one by one.
    ///   - specialTokens: the texts of special tokens and their ids.
    ///   - bos: the special token that begins a text.
    ///   - eos: the special token that ends a text.
    ///   - subject: names the file in errors.
    /// - Throws: an `InputError` for a line that is malformed, a byte that is no token, and a rank or text that occurs twice.
    public convenience init(
        tiktoken bytes: [UInt8], pattern: String, specialTokens: [String: Int] = [:], bos: String? = nil, eos: String? = nil,
        subject: String = "tokenizer.tiktoken"
    ) throws(InputError) {
        let encoding = TiktokenEncoding(pattern: pattern, specialTokens: specialTokens, bos: bos, eos: eos)
        self.init(try Self.parts(tiktoken: bytes, encoding, subject: subject))
    }

    static func parts(tiktoken bytes: [UInt8], _ encoding: TiktokenEncoding, subject: String) throws(InputError) -> Parts {
        let ranks = try tiktokenRanks(bytes, subject: subject), specialTokens = encoding.specialTokens
        var texts: [Int: [UInt8]] = [:]
        for (token, rank) in ranks {
            guard texts[rank] == nil else { throw InputError(subject, at: "rank \(rank)", "is that of two tokens") }
            var text: [UInt8] = []
            for byte in token { ByteAlphabet.append(byte, to: &text) }
            texts[rank] = text
        }
        for (text, id) in specialTokens {
            guard texts[id] == nil, id >= 0, !text.isEmpty else {
                throw InputError(subject, at: "special token \"\(text)\"", "its id \(id) must be one that no other token has")
            }
            texts[id] = Array(text.utf8)
        }
        let count = (texts.keys.max() ?? -1) + 1
        guard count < 2 * texts.count + 65536 else {
            throw InputError(subject, "the rank \(count - 1) among \(texts.count) tokens; ranks must be nearly without gaps")
        }
        var ordered = StringTable(), kinds: [Vocabulary.Kind] = []
        let special = Set(specialTokens.values)
        for id in 0..<count {
            ordered.append(texts[id] ?? [])
            kinds.append(texts[id] == nil ? .unused : special.contains(id) ? .control : .normal)
        }
        let vocabulary = try Vocabulary(texts: ordered, kinds: kinds, subject: subject)
        // The pair goes first whose joined token has the lowest rank.
        let (merges, strangers) = try MergeTable.byScores((0..<count).map { -Double($0) }, vocabulary, subject: subject) { kinds[$0] == .normal }
        guard strangers.isEmpty else { throw InputError(subject, "each byte must be a token") }
        let model = try ByteLevelBPE(vocabulary: vocabulary, merges: merges, ignoresMerges: true, subject: subject)
        guard !model.byteTokens.contains(ByteLevelBPE.missing) else { throw InputError(subject, "each byte must be a token") }
        var named = NamedTokens()
        func id(_ text: String) -> Int32? { specialTokens[text].map { Int32($0) } }
        named.bos = encoding.bos.flatMap(id)
        named.eos = encoding.eos.flatMap(id)
        let ends = EndOfGeneration.find(in: vocabulary, named: [named.eos] + encoding.ends.map(id))
        return Parts(
            vocabulary: vocabulary, model: .byteLevelBPE(model), specialTokens: SpecialTokens(vocabulary: vocabulary),
            preTokenizer: try PreTokenizer(patterns: [encoding.pattern], subject: subject), decoder: .byteLevel, named: named,
            endOfGeneration: ends, prefix: (named.bos.map { [$0] } ?? []) + encoding.prefix.compactMap(id))
    }

    /// The same for a published vocabulary, which is known by the number of its ranks: GPT-2's, p50k, cl100k, o200k, LLaMA 3's, Qwen's and
    /// GLM-4's.
    ///
    /// - Parameters:
    ///   - bytes: the file's bytes.
    ///   - subject: names the file in errors.
    /// - Throws: an `InputError` for a file that is malformed, or none of them.
    public convenience init(publishedTiktoken bytes: [UInt8], subject: String = "tokenizer.tiktoken") throws(InputError) {
        let count = try Self.tiktokenRanks(bytes, subject: subject).count
        guard let encoding = TiktokenEncoding(rankCount: count) else {
            throw InputError(
                subject, "\(count) ranks are none of a published vocabulary, so that its pattern is not known",
                remedy: "add the model's tokenizer.json")
        }
        self.init(try Self.parts(tiktoken: bytes, encoding, subject: subject))
    }

    /// Whether bytes look like a file of tiktoken's: base64, a space and a number on the first line.
    package static func isTiktoken(_ bytes: [UInt8]) -> Bool {
        let parts = bytes.prefix { $0 != 0x0A }.prefix(1 << 12).split(separator: 0x20, omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && Base64.decoded(parts[0]) != nil && Int(String(decoding: parts[1], as: UTF8.self)) != nil
    }

    static func tiktokenRanks(_ bytes: [UInt8], subject: String) throws(InputError) -> [(token: [UInt8], rank: Int)] {
        var ranks: [(token: [UInt8], rank: Int)] = []
        for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() where !line.isEmpty {
            let line = line.last == 0x0D ? line.dropLast() : line
            guard let space = line.firstIndex(of: 0x20), let token = Base64.decoded(line[..<space]), !token.isEmpty,
                let rank = Int(String(decoding: line[(space + 1)...], as: UTF8.self)), rank >= 0, rank < Int(Int32.max)
            else { throw InputError(subject, at: "line \(index + 1)", "must be a token in base64, a space and a rank from 0 upwards") }
            ranks.append((token, rank))
        }
        return ranks
    }
}
