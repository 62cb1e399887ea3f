@_spi(_Unicode) import Swift

/// Unicode normalisation (Standard Annex 15).
enum Normalization {
    enum Form: String, Sendable {
        case nfc = "NFC"
        case nfd = "NFD"
        case nfkc = "NFKC"
        case nfkd = "NFKD"
    }

    /// The text in NFC, or nil when it has no code point that normalisation could touch.
    ///
    /// Bytes that are not UTF-8 become U+FFFD, since normalisation is defined on text alone.
    static func nfc(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        // U+0300 is the first code point that NFC changes; it starts with 0xCC.
        guard text.contains(where: { $0 >= 0xCC }) else { return nil }
        return Array(String(String.UnicodeScalarView(String(decoding: text, as: UTF8.self)._nfc)).utf8)
    }

    static func decomposed(_ text: String) -> String { String(String.UnicodeScalarView(text._nfd)) }

    static func normalized(_ text: String, _ form: Form) -> String {
        switch form {
        case .nfc: String(String.UnicodeScalarView(text._nfc))
        case .nfd: decomposed(text)
        case .nfkc: String(String.UnicodeScalarView(CompatibilityMappings.shared.decomposed(text)._nfc))
        case .nfkd: decomposed(CompatibilityMappings.shared.decomposed(text))
        }
    }
}
