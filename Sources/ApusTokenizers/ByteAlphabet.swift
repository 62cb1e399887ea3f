/// GPT-2's printable alphabet for bytes: the text of a byte-level token has one code point below U+0144 for each byte.
///
/// Printable bytes of Latin-1 stand for themselves, the other 68 for U+0100 and upwards (Radford et al. 2019, encoder.py).
enum ByteAlphabet {
    /// The code point for each byte.
    static let codePoints: [UInt16] = {
        var next: UInt16 = 0x100
        return (0..<256).map { byte -> UInt16 in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return UInt16(byte)
            default:
                next += 1
                return next - 1
            }
        }
    }()

    /// The byte for each code point below U+0144, or -1.
    static let bytes: [Int16] = {
        var bytes = Array(repeating: Int16(-1), count: 0x144)
        for (byte, codePoint) in codePoints.enumerated() { bytes[Int(codePoint)] = Int16(byte) }
        return bytes
    }()

    /// Appends the alphabet's text of one byte, in UTF-8.
    static func append(_ byte: UInt8, to text: inout [UInt8]) {
        let codePoint = codePoints[Int(byte)]
        if codePoint < 0x80 {
            text.append(UInt8(codePoint))
        } else {
            text.append(UInt8(0xC0 | codePoint >> 6))
            text.append(UInt8(0x80 | codePoint & 0x3F))
        }
    }

    /// The bytes that a token's text stands for; the text itself when it is not wholly of the alphabet.
    static func decoded(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var at = text.startIndex
        while at < text.endIndex {
            var codePoint = Int(text[at])
            at += 1
            if codePoint >= 0x80 {
                guard codePoint & 0xE0 == 0xC0, at < text.endIndex, text[at] & 0xC0 == 0x80 else { return Array(text) }
                codePoint = (codePoint & 0x1F) << 6 | Int(text[at] & 0x3F)
                at += 1
            }
            guard codePoint < bytes.count, bytes[codePoint] >= 0 else { return Array(text) }
            decoded.append(UInt8(bytes[codePoint]))
        }
        return decoded
    }
}
