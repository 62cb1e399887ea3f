import ApusBase

/// Turns text into token ids and back.
///
/// Safe to use from several threads at once. Made from a GGUF file's tables or from `tokenizer.json`; byte-level BPE so far.
/// Text need not be UTF-8: bytes that are not are encoded as they are, and decoding gives them back. (A few vocabularies, SmolLM2's
/// among them, lack tokens for bytes that hardly occur in text; such bytes leave no token, as in the reference implementations.)
public final class Tokenizer: Sendable {
    /// The kinds of model behind the facade.
    enum Model: Sendable {
        case byteLevelBPE(ByteLevelBPE)
    }

    struct NamedTokens: Sendable {
        var bos, eos, eot, eom, unknown, padding: Int32?
    }

    let vocabulary: Vocabulary
    let model: Model
    let specialTokens: SpecialTokens
    let named: NamedTokens
    let prefix: [Int32]
    let suffix: [Int32]
    let normalizesToNFC: Bool

    /// The tokens at which generation stops: those that the model names, and those known by their text (`<|im_end|>`, `<|eot_id|>` …).
    public let endOfGenerationIDs: Set<Int32>

    init(
        vocabulary: Vocabulary, model: Model, specialTokens: SpecialTokens, named: NamedTokens, endOfGeneration: Set<Int32>,
        prefix: [Int32], suffix: [Int32], normalizesToNFC: Bool = false
    ) {
        self.vocabulary = vocabulary
        self.model = model
        self.specialTokens = specialTokens
        self.named = named
        endOfGenerationIDs = endOfGeneration
        self.prefix = prefix
        self.suffix = suffix
        self.normalizesToNFC = normalizesToNFC
    }

    // MARK: Vocabulary

    /// The number of ids. A model's table of embeddings may be longer, padded.
    public var vocabularySize: Int { vocabulary.count }

    /// The token that begins a text, if the model has one.
    public var bos: Int32? { named.bos }
    /// The token that ends a text, if the model has one.
    public var eos: Int32? { named.eos }
    /// The token for what the vocabulary has no tokens for, if the model has one.
    public var unknown: Int32? { named.unknown }
    /// The token that fills shorter texts of a batch up, if the model has one.
    public var padding: Int32? { named.padding }

    /// Whether `encode(addSpecial: true)` begins a text with BOS.
    public var addsBOS: Bool { named.bos != nil && prefix.first == named.bos }

    /// Whether the token is a mark of the format rather than text; such tokens are left out when special tokens are skipped.
    public func isSpecial(_ id: Int32) -> Bool {
        guard id >= 0, id < vocabularySize else { return false }
        return vocabulary.kinds[Int(id)] == .control || vocabulary.kinds[Int(id)] == .unknown
    }

    /// The id of a token by its text as the model's file spells it: "<|im_end|>", "Ġthe".
    public func id(ofToken text: String) -> Int32? { vocabulary.id(text).map(Int32.init) }

    /// A token's text as the model's file spells it: "Ġthe" for " the". Nil outside the vocabulary.
    public func tokenText(_ id: Int32) -> String? {
        id >= 0 && id < vocabularySize ? vocabulary.string(Int(id)) : nil
    }

    /// The bytes that a token stands for; they need not be whole characters. Empty outside the vocabulary.
    public func tokenBytes(_ id: Int32) -> [UInt8] {
        guard id >= 0, id < vocabularySize else { return [] }
        let text = vocabulary.text(Int(id))
        switch vocabulary.kinds[Int(id)] {
        case .normal, .byte, .undefined, .unused: return ByteAlphabet.decoded(text)
        case .control, .unknown, .userDefined: return Array(text)
        }
    }

    // MARK: Encoding

    /// The ids of a text.
    ///
    /// - Parameters:
    ///   - text: any text; it need not be normalised.
    ///   - addSpecial: add what the model wants around a text (BOS, EOS).
    ///   - parseSpecial: read the texts of special tokens ("<|im_end|>") as those tokens. Otherwise they are text like any other, so
    ///     that what a user types cannot end a turn.
    public func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = false) -> [Int32] {
        var text = text
        return text.withUTF8 { encode($0, addSpecial: addSpecial, parseSpecial: parseSpecial) }
    }

    /// The ids of the bytes of a text, UTF-8 or not.
    public func encode(_ bytes: UnsafeBufferPointer<UInt8>, addSpecial: Bool = true, parseSpecial: Bool = false) -> [Int32] {
        let encoder: ByteLevelEncoder
        switch model {
        case .byteLevelBPE(let model): encoder = ByteLevelEncoder(model, byteCount: bytes.count)
        }
        if addSpecial { for token in prefix { encoder.append(token) } }
        if let start = bytes.baseAddress {
            let end = start + bytes.count
            var p = start
            while let match = specialTokens.find(from: p, in: start, end, parsingSpecial: parseSpecial) {
                encodeText(p..<match.range.lowerBound, encoder)
                encoder.append(match.id)
                p = match.range.upperBound
            }
            encodeText(p..<end, encoder)
        }
        if addSpecial { for token in suffix { encoder.append(token) } }
        return encoder.tokens
    }

    private func encodeText(_ range: Range<UnsafePointer<UInt8>>, _ encoder: ByteLevelEncoder) {
        guard !range.isEmpty else { return }
        let addsSpace: Bool
        switch model {
        case .byteLevelBPE(let model): addsSpace = model.preTokenizer.addsPrefixSpace && range.lowerBound[0] != UInt8(ascii: " ")
        }
        let text = UnsafeBufferPointer(start: range.lowerBound, count: range.count)
        let normalized = normalizesToNFC ? Normalization.nfc(text) : nil
        guard normalized != nil || addsSpace else { return encoder.encode(range) }
        let changed = (addsSpace ? [UInt8(ascii: " ")] : []) + (normalized ?? Array(text))
        changed.withUnsafeBufferPointer { encoder.encode($0.baseAddress!..<$0.baseAddress! + $0.count) }
    }

    // MARK: Decoding

    /// The bytes that ids stand for.
    ///
    /// - Throws: `InputError` for an id outside the vocabulary.
    public func decodeBytes(_ ids: some Sequence<Int32>, skipSpecial: Bool = true) throws(InputError) -> [UInt8] {
        var bytes: [UInt8] = []
        for id in ids {
            guard id >= 0, id < vocabularySize else {
                throw InputError("token \(id)", "the vocabulary has the ids 0 to \(vocabularySize - 1)")
            }
            if skipSpecial, isSpecial(id) { continue }
            bytes += tokenBytes(id)
        }
        return bytes
    }

    /// The text that ids stand for, with U+FFFD for bytes that are no UTF-8.
    ///
    /// - Throws: `InputError` for an id outside the vocabulary.
    public func decode(_ ids: some Sequence<Int32>, skipSpecial: Bool = true) throws(InputError) -> String {
        String(decoding: try decodeBytes(ids, skipSpecial: skipSpecial), as: UTF8.self)
    }

    /// Decodes ids as they come.
    public func streamDecoder(skipSpecial: Bool = true) -> StreamDecoder {
        StreamDecoder(self, skipSpecial: skipSpecial)
    }
}
