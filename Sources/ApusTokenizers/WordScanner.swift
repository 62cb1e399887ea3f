/// A hand-written scanner for one of the patterns that nearly all byte-level BPE models split text with.
///
/// Each does what its pattern does under leftmost, greedy matching with backtracking, at some hundreds of MB/s; the tests
/// hold each against `PatternMatcher` running the pattern itself. All of them match at least one code point everywhere.
enum WordScanner: Sendable, Equatable {
    /// GPT-2. With `isolatesNumbers` every number is a piece of its own before the pattern is applied to what lies between.
    case gpt2(isolatesNumbers: Bool)
    /// GPT-4 (cl100k), LLaMA 3, Qwen 2 and kin.
    case gpt4(GPT4Options)

    struct GPT4Options: Sendable, Equatable {
        /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)` comes first.
        var contractions = true
        /// The most digits in a piece.
        var digits = 3
        /// Marks count as letters (Qwen 3.5).
        var marksAreLetters = false
    }

    /// Where the piece that starts at `p`, before `end`, ends. `start` is where the text starts.
    @inline(__always)
    func pieceEnd(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ text: TextClassifier) -> UnsafePointer<UInt8> {
        switch self {
        case .gpt2(let isolatesNumbers): Self.gpt2(p, end, text, isolatesNumbers)
        case .gpt4(let options): Self.gpt4(p, end, text, options)
        }
    }

    // MARK: Shared alternatives

    /// `'s|'t|'re|'ve|'m|'ll|'d` at an apostrophe, or nil. Without regard to case U+017F, the long s, is an s as well.
    private static func contraction(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, anyCase: Bool
    ) -> UnsafePointer<UInt8>? {
        guard end - p >= 2 else { return nil }
        let fold: UInt8 = anyCase ? 0x20 : 0
        let first = p[1] | fold
        switch first {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return p + 2
        default: break
        }
        guard end - p >= 3 else { return nil }
        let second = p[2] | fold
        switch (first, second) {
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return p + 3
        default: return anyCase && p[1] == 0xC5 && p[2] == 0xBF ? p + 3 : nil
        }
    }

    /// `\s+(?!\S)|\s+` for the white space in `p..<runEnd`: all of it at the end of the text, otherwise all but the last.
    @inline(__always)
    private static func spaces(
        _ p: UnsafePointer<UInt8>, _ last: UnsafePointer<UInt8>, _ runEnd: UnsafePointer<UInt8>, atEnd: Bool
    ) -> UnsafePointer<UInt8> {
        atEnd || last == p ? runEnd : last
    }

    // MARK: GPT-2

    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    @inline(__always)
    static func gpt2(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ text: TextClassifier, _ isolatesNumbers: Bool
    ) -> UnsafePointer<UInt8> {
        if p[0] == UInt8(ascii: "'"), let stop = contraction(p, end, anyCase: false) { return stop }
        var q = p
        if p[0] == UInt8(ascii: " "), p + 1 < end { q = p + 1 }
        let item = text.item(q, end)
        if CategorySet.letters.has(item.category) { return text.run(of: .letters, q + item.length, end) }
        if CategorySet.numbers.has(item.category) {
            if !isolatesNumbers { return text.run(of: .numbers, q + item.length, end) }
            return q == p ? p + item.length : q
        }
        if !CategorySet.whiteSpace.has(item.category) {
            return text.run(of: .all.subtracting(whiteOrWord), q + item.length, end)
        }
        return gpt2Spaces(p, end, text, isolatesNumbers)
    }

    private static var whiteOrWord: CategorySet { .whiteSpace.union(.letters).union(.numbers) }

    private static func gpt2Spaces(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ text: TextClassifier, _ isolatesNumbers: Bool
    ) -> UnsafePointer<UInt8> {
        var q = p
        var last = p
        while q < end {
            let item = text.item(q, end)
            guard CategorySet.whiteSpace.has(item.category) else {
                let stops = isolatesNumbers && CategorySet.numbers.has(item.category)
                return spaces(p, last, q, atEnd: stops)
            }
            last = q
            q += item.length
        }
        return q
    }

    // MARK: GPT-4

    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    @inline(__always)
    static func gpt4(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ text: TextClassifier, _ options: GPT4Options
    ) -> UnsafePointer<UInt8> {
        if options.contractions, p[0] == UInt8(ascii: "'"), let stop = contraction(p, end, anyCase: true) { return stop }
        let letters: CategorySet = options.marksAreLetters ? .letters.union(.marks) : .letters
        let first = text.item(p, end)
        let q = p + first.length
        if letters.has(first.category) { return text.run(of: letters, q, end) }
        if CategorySet.numbers.has(first.category) { return number(q, end, text, atMost: options.digits) }
        let second: TextClassifier.Item? = q < end ? text.item(q, end) : nil
        if let second, letters.has(second.category), p[0] != 0x0A, p[0] != 0x0D {
            return text.run(of: letters, q + second.length, end)
        }
        let others = CategorySet.all.subtracting(.whiteSpace.union(letters).union(.numbers))
        if others.has(first.category) { return lineEnds(text.run(of: others, q, end), end) }
        if p[0] == UInt8(ascii: " "), let second, others.has(second.category) {
            return lineEnds(text.run(of: others, q + second.length, end), end)
        }
        return gpt4Spaces(p, end, text)
    }

    private static func number(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ text: TextClassifier, atMost limit: Int
    ) -> UnsafePointer<UInt8> {
        var p = p
        var count = 1
        while count < limit, p < end {
            let item = text.item(p, end)
            guard CategorySet.numbers.has(item.category) else { break }
            p += item.length
            count += 1
        }
        return p
    }

    @inline(__always)
    private static func lineEnds(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        var p = p
        while p < end, p[0] == 0x0A || p[0] == 0x0D { p += 1 }
        return p
    }

    private static func gpt4Spaces(
        _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ text: TextClassifier
    ) -> UnsafePointer<UInt8> {
        var q = p
        var last = p
        var afterLineEnd: UnsafePointer<UInt8>?
        while q < end {
            let item = text.item(q, end)
            guard CategorySet.whiteSpace.has(item.category) else { break }
            last = q
            q += item.length
            if last[0] == 0x0A || last[0] == 0x0D { afterLineEnd = q }
        }
        return afterLineEnd ?? spaces(p, last, q, atEnd: q == end)
    }
}
