/// Decodes token ids as a model generates them, and gives out whole characters only: a character whose bytes are spread over
/// several tokens waits for the last of them. All the strings together are what `Tokenizer.decode` gives.
public struct StreamDecoder: Sendable {
    private var detokenizer: Detokenizer
    private var pending: [UInt8] = []

    init(_ tokenizer: Tokenizer, skipSpecial: Bool) {
        detokenizer = Detokenizer(tokenizer, skipSpecial: skipSpecial)
    }

    /// The text that the token completes; often empty in scripts with rare characters. An id outside the vocabulary adds nothing.
    public mutating func push(_ id: Int32) -> String {
        detokenizer.append(id, to: &pending)
        let complete = pending.count - Self.openLength(pending)
        let text = String(decoding: pending[..<complete], as: UTF8.self)
        pending.removeSubrange(..<complete)
        return text
    }

    /// What is left, at the end: U+FFFD when a character was begun and not finished.
    public mutating func finish() -> String {
        defer { pending = [] }
        detokenizer.finish(&pending)
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end begin a character that more bytes could complete.
    private static func openLength(_ bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let lead = bytes[bytes.count - length]
            if lead & 0xC0 == 0x80 { continue }
            let whole = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1
            guard lead < 0xF5, length < whole else { return 0 }
            guard length > 1 else { return 1 }
            let second = bytes[bytes.count - length + 1]
            switch lead {
            case 0xE0: return second >= 0xA0 ? length : 0
            case 0xED: return second < 0xA0 ? length : 0
            case 0xF0: return second >= 0x90 ? length : 0
            case 0xF4: return second < 0x90 ? length : 0
            default: return length
            }
        }
        return 0
    }
}
