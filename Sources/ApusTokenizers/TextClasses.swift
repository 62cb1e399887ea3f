/// What Hugging Face's normalisers and the pre-tokenisers without a pattern take a code point for: their tables are others than those of
/// the patterns (`UnicodeCategories`). Expanded once from 6 KB of text; immutable afterwards.
final class TextClasses: @unchecked Sendable {
    struct Class: OptionSet, Sendable {
        let rawValue: UInt8
        /// A combining mark that `StripAccents` removes.
        static let accent = Class(rawValue: 1)
        /// A nonspacing mark that BERT's normaliser removes after decomposition.
        static let bertMark = Class(rawValue: 2)
        /// A control character that BERT's cleaning removes.
        static let bertRemoved = Class(rawValue: 4)
        /// Punctuation, a piece of its own in BERT.
        static let bertPunctuation = Class(rawValue: 8)
        /// A character of a word for `Whitespace` and for added tokens that are whole words.
        static let word = Class(rawValue: 16)
    }

    static let shared = TextClasses()

    private let values: UnsafeMutablePointer<UInt8>
    private static let end = 0x110000

    private init() {
        values = .allocate(capacity: Self.end)
        var reader = NumberReader(Self.runs)
        var at = 0
        while !reader.isAtEnd {
            let value = UInt8(reader.symbol())
            let stop = min(Self.end, at + reader.number())
            (values + at).initialize(repeating: value, count: stop - at)
            at = stop
        }
        (values + at).initialize(repeating: 0, count: Self.end - at)
    }

    deinit { values.deallocate() }

    @inline(__always) func has(_ codePoint: UInt32, _ wanted: Class) -> Bool {
        values[Int(codePoint)] & wanted.rawValue != 0
    }
}
