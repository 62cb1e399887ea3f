import ApusBase

extension Tokenizer {
    /// The bytes that ids stand for.
    ///
    /// - Throws: `InputError` for an id outside the vocabulary.
    public func decodeBytes(_ ids: some Sequence<Int32>, skipSpecial: Bool = true) throws(InputError) -> [UInt8] {
        var bytes: [UInt8] = []
        var detokenizer = Detokenizer(self, skipSpecial: skipSpecial)
        for id in ids {
            guard id >= 0, id < vocabularySize else {
                throw InputError("token \(id)", "the vocabulary has the ids 0 to \(vocabularySize - 1)")
            }
            detokenizer.append(id, to: &bytes)
        }
        detokenizer.finish(&bytes)
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

/// Turns ids into bytes one after the other.
struct Detokenizer: Sendable {
    private let tokenizer: Tokenizer
    private let skipSpecial: Bool
    private var state = TokenDecoder.State()
    /// A token whose text depends on what follows.
    private var held: Int32?

    init(_ tokenizer: Tokenizer, skipSpecial: Bool) {
        self.tokenizer = tokenizer
        self.skipSpecial = skipSpecial
    }

    /// An id outside the vocabulary adds nothing.
    mutating func append(_ id: Int32, to bytes: inout [UInt8]) {
        if skipSpecial, tokenizer.isSpecial(id) { return }
        let decoder = tokenizer.parts.decoder
        if decoder.isByteLevel { return bytes += tokenizer.tokenBytes(id) }
        guard id >= 0, id < tokenizer.vocabularySize else { return }
        guard decoder.needsLookahead else { return write(id, isLast: false, to: &bytes) }
        if let before = held { write(before, isLast: false, to: &bytes) }
        held = id
    }

    mutating func finish(_ bytes: inout [UInt8]) {
        if let last = held { write(last, isLast: true, to: &bytes) }
        held = nil
    }

    private mutating func write(_ id: Int32, isLast: Bool, to bytes: inout [UInt8]) {
        let decoder = tokenizer.parts.decoder
        if tokenizer.vocabulary.kinds[Int(id)] == .unknown, let text = decoder.unknownText {
            return decoder.append(verbatim: text, &state, to: &bytes)
        }
        decoder.append(tokenizer.decodedText(id), isLast: isLast, &state, to: &bytes)
    }
}
