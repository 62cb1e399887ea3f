import ApusBase

/// Turns text into token ids and back.
///
/// A tokenizer is plain values one after the other: the tokens that are matched in raw text, a normaliser, the tokens that are matched
/// in normalised text, a pre-tokeniser, a model, what is put around the text, and a decoder. Safe to use from several threads at once.
/// Made from a GGUF file's tables, `tokenizer.json`, `tokenizer.model`, `vocab.txt` or a tiktoken file.
///
/// Text need not be UTF-8. Byte-level BPE encodes other bytes as they are, and decoding gives them back. (A few vocabularies, SmolLM2's
/// among them, lack tokens for bytes that hardly occur in text; such bytes leave no token, as in the reference implementations.) The
/// other kinds take them for U+FFFD.
public final class Tokenizer: Sendable {
    /// The kinds of model behind the facade.
    enum Model: Sendable {
        case byteLevelBPE(ByteLevelBPE)
        case characterBPE(CharacterBPE)
        case unigram(Unigram)
        case wordPiece(WordPiece)
    }

    /// The values that a tokenizer is made of.
    struct Parts: Sendable {
        let vocabulary: Vocabulary
        let model: Model
        /// Matched in raw text.
        var specialTokens: SpecialTokens
        var normalizer = Normalizer()
        /// Matched in normalised text.
        var normalizedTokens = SpecialTokens([])
        var preTokenizer = PreTokenizer(stages: [])
        var decoder = TokenDecoder()
        /// What is decoded instead of a token's own text.
        var decodedTexts: [Int32: [UInt8]] = [:]
        var named = NamedTokens()
        var endOfGeneration: Set<Int32> = []
        var prefix: [Int32] = []
        var suffix: [Int32] = []
        /// Whether the suffix is where an answer begins, and no part of a text that is read to the end.
        var opensAnswer = false
    }

    struct NamedTokens: Sendable {
        var bos, eos, eot, eom, unknown, padding: Int32?
    }

    let parts: Parts

    var vocabulary: Vocabulary { parts.vocabulary }
    var named: NamedTokens { parts.named }
    var prefix: [Int32] { parts.prefix }
    var suffix: [Int32] { parts.suffix }

    /// The tokens at which generation stops: those that the model names, and those known by their text (`<|im_end|>`, `<|eot_id|>` …).
    public var endOfGenerationIDs: Set<Int32> { parts.endOfGeneration }

    init(_ parts: Parts) { self.parts = parts }

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

    /// The bytes that a token stands for inside a text; they need not be whole characters. Empty outside the vocabulary.
    public func tokenBytes(_ id: Int32) -> [UInt8] {
        guard id >= 0, id < vocabularySize else { return [] }
        let kind = vocabulary.kinds[Int(id)]
        let decoder = parts.decoder
        if kind == .unknown, let text = decoder.unknownText { return text }
        guard decoder.isByteLevel else { return decoder.inside(decodedText(id)) }
        switch kind {
        case .control, .unknown, .userDefined: return decodedText(id)
        case .normal, .byte, .undefined, .unused: return ByteAlphabet.decoded(vocabulary.text(Int(id)))
        }
    }

    /// What the decoder makes bytes of.
    func decodedText(_ id: Int32) -> [UInt8] { parts.decodedTexts[id] ?? Array(vocabulary.text(Int(id))) }
}
