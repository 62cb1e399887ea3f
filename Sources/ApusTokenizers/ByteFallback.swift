import ApusBase

/// The tokens `<0x00>` … `<0xFF>` that stand for the bytes of characters which a vocabulary lacks.
struct ByteFallback: Sendable {
    let tokens: [UInt32]

    /// Nil when the vocabulary lacks one of them.
    init?(_ vocabulary: Vocabulary) {
        var tokens: [UInt32] = []
        for byte in 0..<256 {
            guard let id = vocabulary.id(Self.text(UInt8(byte))) else { return nil }
            tokens.append(UInt32(id))
        }
        self.tokens = tokens
    }

    static func text(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
    }

    /// The byte that a token's text stands for, if it has this form.
    static func byte(of text: [UInt8]) -> UInt8? {
        guard text.count == 6, text[0] == UInt8(ascii: "<"), text[1] == UInt8(ascii: "0"), text[2] == UInt8(ascii: "x"), text[5] == UInt8(ascii: ">"),
            let high = digit(text[3]), let low = digit(text[4])
        else { return nil }
        return high << 4 | low
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
