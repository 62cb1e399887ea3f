/// The compatibility decompositions of Unicode (Standard Annex 15, NFKC and NFKD), where they are not the canonical ones.
struct CompatibilityMappings: Sendable {
    static let shared = CompatibilityMappings()

    /// By code point, in full: nothing in a mapping decomposes further by compatibility.
    private let mappingOf: [UInt32: [Unicode.Scalar]]

    private init() {
        var reader = NumberReader(Self.mappings)
        var table: [UInt32: [Unicode.Scalar]] = [:]
        var codePoint = 0
        while !reader.isAtEnd {
            codePoint += reader.number()
            let count = reader.number()
            table[UInt32(codePoint)] = (0..<count).map { _ in Unicode.Scalar(UInt32(reader.number())) ?? "\u{FFFD}" }
        }
        mappingOf = table
    }

    /// The text with each code point that has one replaced by its compatibility decomposition.
    func decomposed(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            // U+00A0 is the first with a mapping.
            if scalar.value >= 0xA0, let mapping = mappingOf[scalar.value] {
                // Appended together they would be joined to a copy of all the text.
                for part in mapping { result.append(part) }
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }
}
