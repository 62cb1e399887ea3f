import ApusBase

/// A `tokenizer.model` of SentencePiece (sentencepiece_model.proto): the fields that encoding and decoding need.
struct SentencePieceModel {
    enum Kind: UInt64 {
        case unigram = 1
        case bpe = 2
        case word = 3
        case character = 4
    }

    let subject: String
    var pieces = StringTable()
    var scores: [Double] = []
    /// Numbered as GGUF's `token_type`.
    var types: [Int] = []
    var kind = Kind.unigram
    var hasByteFallback = false
    var spaceIsSuffix = false
    var unknownText = Array(" ⁇ ".utf8)
    var charsMap: [UInt8] = []
    var addsDummyPrefix = true
    var removesExtraSpaces = true
    var escapesSpaces = true
    /// The texts of BOS, EOS and padding tokens.
    var bos = "<s>"
    var eos = "</s>"
    var padding = "<pad>"

    /// - Throws: an `InputError` for a file that is cut, malformed or of a kind that is not supported.
    init(_ bytes: [UInt8], subject: String) throws(InputError) {
        self.subject = subject
        var reader = ProtobufReader(bytes, subject: subject)
        while let field = try reader.next() {
            guard case .bytes(let range) = field.value else { continue }
            switch field.number {
            case 1: try readPiece(ProtobufReader(bytes, range, subject: subject), bytes)
            case 2: try readTrainer(ProtobufReader(bytes, range, subject: subject), bytes)
            case 3: try readNormalizer(ProtobufReader(bytes, range, subject: subject), bytes)
            case 5: try checkDenormalizer(ProtobufReader(bytes, range, subject: subject))
            default: break
            }
        }
        guard pieces.count > 0 else { throw InputError(subject, "holds no pieces, so it is no SentencePiece model") }
        guard types.filter({ $0 == 2 }).count == 1 || hasByteFallback else {
            throw InputError(subject, "must have exactly one piece for unknown characters")
        }
    }

    private mutating func readPiece(_ reader: ProtobufReader, _ bytes: [UInt8]) throws(InputError) {
        var reader = reader
        var text = 0..<0, score = Float(0), type = 1
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let range)): text = range
            case (2, .fixed32(let bits)): score = Float(bitPattern: bits)
            case (3, .integer(let value)): type = Int(truncatingIfNeeded: value)
            default: break
            }
        }
        guard !text.isEmpty, (1...6).contains(type), score.isFinite else {
            throw InputError(subject, at: "piece \(pieces.count)", "must have a text, a finite score and a type from 1 to 6")
        }
        pieces.append(bytes[text])
        scores.append(Double(score))
        types.append(type)
    }

    private mutating func readTrainer(_ reader: ProtobufReader, _ bytes: [UInt8]) throws(InputError) {
        var reader = reader
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (3, .integer(let value)):
                guard let kind = Kind(rawValue: value) else { throw InputError(subject, at: "trainer_spec.model_type", "the kind \(value) is unknown") }
                self.kind = kind
            case (24, .integer(let value)): spaceIsSuffix = value != 0
            case (35, .integer(let value)): hasByteFallback = value != 0
            case (44, .bytes(let range)): unknownText = Array(bytes[range])
            case (46, .bytes(let range)): bos = String(decoding: bytes[range], as: UTF8.self)
            case (47, .bytes(let range)): eos = String(decoding: bytes[range], as: UTF8.self)
            case (48, .bytes(let range)): padding = String(decoding: bytes[range], as: UTF8.self)
            default: break
            }
        }
    }

    private mutating func readNormalizer(_ reader: ProtobufReader, _ bytes: [UInt8]) throws(InputError) {
        var reader = reader
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (2, .bytes(let range)): charsMap = Array(bytes[range])
            case (3, .integer(let value)): addsDummyPrefix = value != 0
            case (4, .integer(let value)): removesExtraSpaces = value != 0
            case (5, .integer(let value)): escapesSpaces = value != 0
            default: break
            }
        }
    }

    /// What is done to decoded text must be nothing.
    private func checkDenormalizer(_ reader: ProtobufReader) throws(InputError) {
        var reader = reader
        while let field = try reader.next() {
            if field.number == 2, case .bytes(let range) = field.value, !range.isEmpty {
                throw InputError(subject, at: "denormalizer_spec", "a table for decoded text is not supported")
            }
        }
    }
}
