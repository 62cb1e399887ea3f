import ApusBase

/// SentencePiece's unigram model, the tokenizer of T5 and XLM-R, between `tokenizer.json` or SentencePiece's own file and the tables of a
/// GGUF file. The tables' precompiled map is applied as SentencePiece does it, to the longest match, where Hugging Face goes by clusters of
/// characters: ids of a `tokenizer.json` may differ where several combining marks follow a letter.
extension TokenizerTables {
    init(
        unigram model: Unigram, of tokenizer: Tokenizer, normalization: UnigramNormalization, config: [UInt8]?, subject: String, count: Int
    ) throws(InputError) {
        var (kinds, notes) = try Self.addedKinds(of: tokenizer, subject: subject)
        kinds[Int(model.unknown)] = .unknown
        if let fallback = model.byteFallback {
            for id in fallback.tokens { kinds[Int(id)] = .byte }
            notes.append("\(subject): llama.cpp makes unknown tokens of the characters that are spelled in pieces for bytes here")
        }
        let vocabulary = tokenizer.vocabulary
        let (tokens, types) = try Self.tokens(of: vocabulary, kinds: kinds, count: count, subject: subject) { id, kind in
            let text = Array(vocabulary.text(id))[...]
            return kind == .userDefined ? Self.replacing(text, SentencePieceNormalizer.mark, with: [0x20]) : text
        }
        if normalization.prefixesFirstOnly, types.contains(Int(Vocabulary.Kind.userDefined.rawValue)) {
            throw InputError(
                subject, at: "pre_tokenizer", "GGUF has no words for a space before the first part of a text alone", remedy: "convert to a folder instead")
        }
        self.init(subject: subject, model: "t5", pre: "default", tokens: tokens, tokenTypes: types)
        self.notes = notes + normalization.notes.map { "\(subject): \($0)" }
        scores = model.scores + Array(repeating: -10000, count: count - model.scores.count)
        (charsMap, removesExtraSpaces, addsSpacePrefix) = (normalization.charsMap, normalization.removesExtraSpaces, normalization.addsSpacePrefix)
        let named = tokenizer.named
        bos = (named.bos ?? tokenizer.prefix.first).map(Int.init)
        eos = (named.eos ?? tokenizer.suffix.last).map(Int.init)
        (unknown, padding) = (Int(model.unknown), (named.padding.map(Int.init)) ?? vocabulary.id("<pad>"))
        mask = try Self.mask(config, vocabulary, usual: "<mask>")
        addsBOS = try Self.isAdded(tokenizer.prefix, bos.map(Int32.init), subject: subject)
        addsEOS = try Self.isAdded(tokenizer.suffix, eos.map(Int32.init), subject: subject)
    }

    /// The tables of a unigram model in SentencePiece's own file.
    init(unigram file: SentencePieceModel, of tokenizer: Tokenizer, config: [UInt8]?, count: Int) throws(InputError) {
        let subject = file.subject
        guard case .unigram(let model) = tokenizer.parts.model, file.escapesSpaces, !file.spaceIsSuffix else {
            throw InputError(
                subject, "GGUF has no words for a unigram model with other marks for spaces than before words", remedy: "convert to a folder instead")
        }
        // There the text between such pieces is a text of its own.
        guard !file.addsDummyPrefix && !file.removesExtraSpaces || !file.types.contains(Int(Vocabulary.Kind.userDefined.rawValue)) else {
            throw InputError(
                subject, "GGUF has no words for user-defined pieces of a unigram model that adds a space before texts or removes spaces",
                remedy: "convert to a folder instead")
        }
        try self.init(unigram: model, of: tokenizer, normalization: UnigramNormalization(file), config: config, subject: subject, count: count)
    }

    /// The tables of XLM-R's `sentencepiece.bpe.model`.
    package init(
        xlmRoberta bytes: [UInt8], config: [UInt8]?, addedTokens: [UInt8]?, subject: String, count: Int
    ) throws(InputError) {
        let (file, usual) = try TokenizerFile.xlmRoberta(bytes, config: config, addedTokens: addedTokens, subject: subject)
        let tokenizer = try Tokenizer(file, config: config, usual: usual)
        guard case .unigram(let model) = tokenizer.parts.model else { preconditionFailure("XLM-R's is a unigram model") }
        try self.init(unigram: model, of: tokenizer, normalization: UnigramNormalization(file), config: config, subject: subject, count: count)
    }

    /// The `tokenizer.json` of the kind "t5".
    /// - Throws: an `InputError` for spaces that it has no words for.
    func unigramJSON() throws(InputError) -> JSON {
        let removes = removesExtraSpaces ?? false, adds = addsSpacePrefix ?? false, count = usedCount
        guard adds || !removes else {
            throw InputError(
                subject, at: "tokenizer.ggml.add_space_prefix", "tokenizer.json has no words for spaces that are removed, but none added before the text")
        }
        // No token's score is so low that unknown characters would cost more.
        let lowest = (0..<count).lazy.filter { kind($0) == .normal }.map { scores[$0] }.min() ?? 0
        let vocabulary = (0..<count).map { id in
            JSON.array([.string(tokens.string(id)), .number(kind(id) == .unused ? max(scores[id], lowest) : scores[id])])
        }
        let metaspace: JSONObject = [
            "type": .string("Metaspace"), "replacement": .string("▁"), "prepend_scheme": .string(adds ? "always" : "never"), "split": .bool(true),
        ]
        let hasBytes = (0..<count).contains { kind($0) == .byte }, bytes = JSON.object(["type": .string("ByteFallback")])
        let decoder: JSONObject = hasBytes ? ["type": .string("Sequence"), "decoders": .array([.object(metaspace), bytes])] : metaspace
        // What transformers makes of SentencePiece's own file.
        var steps: [JSON] = []
        if !charsMap.isEmpty { steps.append(.object(["type": .string("Precompiled"), "precompiled_charsmap": .string(Base64.encoded(charsMap))])) }
        if removes {
            steps.append(.object(["type": .string("Strip"), "strip_left": .bool(false), "strip_right": .bool(true)]))
            steps.append(.object(["type": .string("Replace"), "pattern": .object(["Regex": .string(" {2,}")]), "content": .string("▁")]))
        }
        let unknown = unknown ?? (0..<count).first { kind($0) == .unknown }
        return tokenizerJSON(
            normalizer: steps.isEmpty ? .null : .object(["type": .string("Sequence"), "normalizers": .array(steps)]),
            preTokenizer: .object(metaspace),
            postProcessor: template(before: addsBOS ?? false ? bos : nil, after: addsEOS ?? true ? eos : nil, startsSecond: true) ?? .null,
            decoder: decoder,
            model: [
                "type": .string("Unigram"), "unk_id": unknown.map { .integer($0) } ?? .null, "vocab": .array(vocabulary), "byte_fallback": .bool(hasBytes),
            ])
    }
}

/// What a unigram tokenizer does to texts before it looks for tokens, in the words of GGUF.
struct UnigramNormalization {
    var charsMap: [UInt8] = []
    var removesExtraSpaces = false
    var addsSpacePrefix = false
    /// Not before what follows a token that is matched in the text.
    var prefixesFirstOnly = false
    /// What the words leave out.
    var notes: [String] = []

    init(_ file: SentencePieceModel) {
        (charsMap, removesExtraSpaces, addsSpacePrefix) = (file.charsMap, file.removesExtraSpaces, file.addsDummyPrefix)
    }

    /// - Throws: an `InputError` when the components of a `tokenizer.json` do what GGUF's tables have no words for.
    init(_ file: TokenizerFile) throws(InputError) {
        var steps = Self.parts(file.normalizer, "normalizers")[...], stages = Self.parts(file.preTokenizer, "pretokenizers")[...]
        if steps.first?["type"]?.string == "Precompiled" {
            charsMap = Base64.decoded((steps.removeFirst()["precompiled_charsmap"]?.string ?? "").utf8) ?? []
        }
        let strips = steps.first.map { $0["type"]?.string == "Strip" && $0["strip_left"]?.bool == false } ?? false
        if strips { steps.removeFirst() }
        let joins = steps.first.map { $0["type"]?.string == "Replace" && $0["pattern"]?["Regex"]?.string == " {2,}" } ?? false
        let joined = joins ? steps.removeFirst()["content"]?.string : nil
        let splits = stages.first?["type"]?.string == "WhitespaceSplit"
        if splits { stages.removeFirst() }
        guard steps.isEmpty, !strips || joins, joined == nil || [" ", "▁"].contains(joined), stages.count == 1, let metaspace = stages.first,
            metaspace["type"]?.string == "Metaspace", try file.mark(metaspace, at: "pre_tokenizer") == SentencePieceNormalizer.mark
        else {
            throw file.error(
                "normalizer", "with its pre_tokenizer does what GGUF's tables of a unigram model have no words for",
                remedy: "keep the model's spiece.model alone, or convert to a folder instead")
        }
        let prepending = try file.prepending(metaspace, at: "pre_tokenizer")
        (removesExtraSpaces, addsSpacePrefix, prefixesFirstOnly) = (splits || joins, prepending != .never, prepending == .first)
        if splits, try !mapsSpaces(file.subject) {
            throw file.error("pre_tokenizer", "GGUF has no words for tabs and ends of lines that part words", remedy: "convert to a folder instead")
        }
        if joins, !strips, !splits { notes.append("a space at the end of a text makes a token there, and none in the GGUF file") }
        if addsSpacePrefix, !removesExtraSpaces {
            notes.append("a space at the start of a text stands for the added one there, and beside it in the GGUF file")
        }
    }

    private func mapsSpaces(_ subject: String) throws(InputError) -> Bool {
        guard !charsMap.isEmpty else { return false }
        return try PrecompiledCharsMap(charsMap, subject: subject).applied("\t \n") == Array("   ".utf8)
    }

    private static func parts(_ component: JSON, _ key: String) -> [JSON] {
        component.isNull ? [] : component["type"]?.string == "Sequence" ? component[key]?.array ?? [] : [component]
    }
}
