@_spi(_Unicode) import Swift

/// Unicode normalisation (Standard Annex 15).
enum Normalization {
    enum Form: String, Sendable {
        case nfc = "NFC"
        case nfd = "NFD"
        case nfkc = "NFKC"
        case nfkd = "NFKD"
    }

    /// The text in a normal form, or nil when it has no code point that normalisation could touch.
    ///
    /// Bytes that are not UTF-8 become U+FFFD, since normalisation is defined on text alone.
    static func normalized(_ text: UnsafeBufferPointer<UInt8>, _ form: Form) -> [UInt8]? {
        // U+0300 is the first code point that NFC changes; it starts with 0xCC.
        let first: UInt8 = form == .nfc ? 0xCC : 0x80
        guard text.contains(where: { $0 >= first }) else { return nil }
        var result: [UInt8] = [], at = 0
        result.reserveCapacity(text.count + text.count / 8)
        // ASCII is in all forms, and of it only what stands before a mark is joined with others.
        while let stop = text[at...].firstIndex(where: { $0 >= 0x80 }) {
            let start = max(stop - 1, at), end = text[stop...].firstIndex { $0 < 0x80 } ?? text.count
            result += text[at..<start]
            result += normalized(String(decoding: text[start..<end], as: UTF8.self), form).utf8
            at = end
        }
        return result + text[at...]
    }

    static func decomposed(_ text: String) -> String { String(String.UnicodeScalarView(withOrderedMarks(text)._nfd)) }

    private static func normalized(_ text: String, _ form: Form) -> String {
        switch form {
        case .nfc: String(String.UnicodeScalarView(withOrderedMarks(text)._nfc))
        case .nfd: decomposed(text)
        case .nfkc: String(String.UnicodeScalarView(withOrderedMarks(CompatibilityMappings.shared.decomposed(text))._nfc))
        case .nfkd: decomposed(CompatibilityMappings.shared.decomposed(text))
        }
    }

    /// Runs of marks beyond this length are put in order before the standard library does it, whose time grows with their square.
    private static let longestRun = 32

    /// The text with the marks of long runs in canonical order, which normalisation does not tell from the text itself.
    private static func withOrderedMarks(_ text: String) -> String {
        var run = 0
        let isLong = text.unicodeScalars.contains { scalar in
            run = CategorySet.marks.has(UnicodeCategories.shared.category(scalar.value)) ? run + 1 : 0
            return run > longestRun
        }
        guard isLong else { return text }
        var result = String.UnicodeScalarView()
        var marks: [[Unicode.Scalar]] = []
        func add(_ scalar: Unicode.Scalar) {
            let combiningClass = Int(scalar.properties.canonicalCombiningClass.rawValue)
            if combiningClass > 0 {
                if marks.isEmpty { marks = Array(repeating: [], count: 256) }
                marks[combiningClass].append(scalar)
            } else {
                finish()
                result.append(scalar)
            }
        }
        func finish() {
            guard !marks.isEmpty else { return }
            // Appended together they would be joined to a copy of all the text.
            for group in marks { for mark in group { result.append(mark) } }
            marks = []
        }
        for scalar in text.unicodeScalars {
            // These are in no class themselves but stand for two marks that are.
            if [0xF73, 0xF75, 0xF81].contains(scalar.value) { String(scalar)._nfd.forEach(add) } else { add(scalar) }
        }
        finish()
        return String(result)
    }
}
