import ApusBase
import Testing

@testable import ApusTokenizers

/// The pieces of a text, as strings of bytes.
func pieces(_ preTokenizer: PreTokenizer, _ text: [UInt8]) -> [[UInt8]] {
    var splitter = PieceSplitter(preTokenizer)
    return text.withUnsafeBufferPointer { buffer in
        guard let start = buffer.baseAddress else { return [] }
        return splitter.pieces(of: start..<start + buffer.count).map { Array(UnsafeBufferPointer(start: $0.lowerBound, count: $0.count)) }
    }
}

/// The same, by the pattern matcher alone.
func matcherPieces(_ patterns: [String], _ text: String) throws -> [String] {
    let stages = try patterns.map { PreTokenizer.Stage.pattern(try PatternProgram($0, subject: "test"), .isolated, inverted: false) }
    return pieces(PreTokenizer(stages: stages), Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
}

@Suite("Patterns") struct PatternTests {
    @Test(
        "match as backtracking engines do",
        arguments: [
            (#"a|ab"#, "abab", ["a", "b", "a", "b"]),
            (#"ab|a"#, "aba", ["ab", "a"]),
            (#"a{2,3}"#, "aaaaaaa", ["aaa", "aaa", "a"]),
            (#"a{2,3}?"#, "aaaaaaa", ["aa", "aa", "aa", "a"]),
            (#"(?:ab){2}"#, "abababx", ["abab", "abx"]),
            (#"\s+(?!\S)|\s+"#, "a   b  ", ["a", "  ", " ", "b", "  "]),
            (#"(?i:'s|'ll)"#, "'S'lL'ſ'x", ["'S", "'lL", "'ſ", "'x"]),
            (#"[^\s\p{L}]+"#, "ab, cd!?", ["ab", ",", " cd", "!?"]),
            (#"(?<=a)b"#, "abbb", ["a", "b", "bb"]),
            (#"(?<!a)b"#, "abb", ["ab", "b"]),
            (#"\bx"#, "x axx x", ["x", " axx ", "x"]),
            (#"(?:a+)+b"#, "aaab", ["aaab"]),
            (#"(?>a+)ab|a"#, "aab", ["a", "a", "b"]),
            (#"a++ab|a"#, "aab", ["a", "a", "b"]),
            (#"[a-c\]\-]+"#, "ab]-d", ["ab]-", "d"]),
            (#"\P{L}+"#, "ä12β", ["ä", "12", "β"]),
            (#"\p{Han}+"#, "x漢字かy", ["x", "漢字", "かy"]),
            (#"x*"#, "axxb", ["a", "xx", "b"]),
            (#"\x41\u0042\x{1F600}"#, "AB😀", ["AB😀"]),
            (#"a+b"#, "aaacaab", ["aaac", "aab"]),
            (#"\s+$"#, "a   b  ", ["a   b", "  "]),
            (#".+$"#, "ab\ncd", ["ab", "\n", "cd"]),
            (#"(?:|a)*b"#, "aab", ["aab"]),
        ])
    func matches(pattern: String, text: String, expected: [String]) throws {
        #expect(try matcherPieces([pattern], text) == expected)
    }

    @Test(
        "that are not understood are errors",
        arguments: [
            "(", ")", "[a", "a**", "*a", #"\p{Greek}"#, #"\p{L"#, #"(?P<n>a)"#, #"\1"#, #"[a&&b]"#, #"[[:alpha:]]"#, #"\x{110000}"#, "a{3,2}",
            "a{5000}", #"\"#, "[z-a]", "(?<=ab)c", #"\R"#, "(?:(?:(?:a{999}){999}){9}){9}", String(repeating: "(", count: 500),
        ])
    func errors(pattern: String) {
        #expect(throws: InputError.self) { try PatternProgram(pattern, subject: "test") }
    }

    @Test("take linear time where naive backtracking takes exponential time")
    func exponential() throws {
        let text = String(repeating: "a", count: 40)
        #expect(try matcherPieces(["(?:a+)+b", "(?:a|a)*c", "(?:a*)*d"], text) == [text])
    }
}

extension PatternTests {
    @Test("take linear time on long runs", .timeLimit(.minutes(1)))
    func longRuns() throws {
        let spaces = String(repeating: " ", count: 1_000_000)
        let text = "x" + spaces + "x"
        #expect(try matcherPieces([#"\s+$"#, #"\s*[\r\n]+|\s+(?!\S)|\s+|x"#], text).count == 4)
        #expect(try matcherPieces([#"\s+$"#], text) == [text])
    }
}

@Suite("Scanners") struct ScannerTests {
    private static let contractions = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"#
    static let patterns: [[String]] = [
        [WordScanner.gpt2Pattern],
        [#"\p{N}"#, WordScanner.gpt2Pattern],
        [WordScanner.gpt4Pattern(contractions: contractions, digits: #"\p{N}{1,3}"#)],
        [WordScanner.gpt4Pattern(contractions: contractions, digits: #"\p{N}"#)],
        [WordScanner.gpt4Pattern(contractions: "", digits: #"\p{N}+"#)],
        [WordScanner.gpt4Pattern(contractions: contractions, letters: #"[\p{L}\p{M}]"#, digits: #"\p{N}"#, marks: #"\p{M}"#)],
    ]

    /// Fragments that sit at the borders between the alternatives.
    private static let fragments = [
        "a", "Z", "ß", "漢", "字", "ि", "क", "\u{301}", "1", "23", "٣", "Ⅷ", "½", " ", "  ", "\u{A0}", "\u{3000}", "\t", "\n", "\r\n", "\r", "'", "'s", "'S",
        "'ſ", "'re", "'LL", "'v", "!", "...", "-", "_", "/", "😀", "👩‍🚀", "\u{200D}", "\u{FEFF}", "\0", "\u{85}", "\u{10FFFF}", "\u{E0041}", "the", " of",
    ]

    @Test("give the pieces of their patterns", arguments: patterns)
    func agreement(patterns: [String]) throws {
        let scanner = try PreTokenizer(patterns: patterns, subject: "test")
        #expect(scanner.stages.count == 1)
        guard case .words = scanner.stages[0] else { throw InputError("test", "no scanner") }
        var state: UInt64 = 88_172_645_463_325_252
        func random(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state >> 33) % bound
        }
        for _ in 0..<20_000 {
            let text = (0..<random(12)).map { _ in Self.fragments[random(Self.fragments.count)] }.joined()
            let fast = pieces(scanner, Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
            let slow = try matcherPieces(patterns, text)
            #expect(fast == slow, "\(text.debugDescription)")
            if fast != slow { break }
        }
    }

    @Test("keep bytes that are no UTF-8", arguments: patterns)
    func malformed(patterns: [String]) throws {
        let scanner = try PreTokenizer(patterns: patterns, subject: "test")
        let text: [UInt8] = [0x61, 0xFF, 0x20, 0xC3, 0x28, 0xE2, 0x82, 0x31, 0xED, 0xA0, 0x80, 0xF4, 0x90, 0x80, 0x80, 0xC0, 0xAF, 0xF0, 0x9F]
        for length in 0...text.count { #expect(pieces(scanner, Array(text[..<length])).flatMap { $0 } == Array(text[..<length])) }
    }
}
