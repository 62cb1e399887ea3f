import ApusBase
import Testing

@testable import ApusTokenizers

/// Patterns that match between two characters; what is expected comes from Hugging Face tokenizers.
@Suite("Empty matches") struct EmptyMatchTests {
    private func split(_ pattern: String, _ behavior: PreTokenizer.Behavior, inverted: Bool, _ text: String) throws -> [String] {
        let stage = PreTokenizer.Stage.pattern(try PatternProgram(pattern, subject: "test"), behavior, inverted: inverted)
        return pieces(PreTokenizer(stages: [stage]), Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "split texts and are replaced",
        arguments: [
            (#"(?=(\d{3})+(?!\d))"#, "1234567 12", ["1", "234", "567 12"], "1-234-567 12"),
            (#"(?<=[a-z])(?=[A-Z])"#, "camelCaseWord", ["camel", "Case", "Word"], "camel-Case-Word"),
            (#"\b"#, "é x漢 ", ["é", " ", "x漢", " "], "-é- -x漢- "),
            (#"x{,3}"#, "axxxxb x", ["a", "xxx", "x", "b", " ", "x"], "-a--b- -"),
            (#"ab|(?=c)"#, "xcabccab", ["x", "c", "ab", "c", "c", "ab"], "x-c-c-c-"),
            (#"x*?"#, "axx", ["a", "x", "x"], "-a-x-x-"),
            (#"(?:|x)+"#, "axx", ["a", "x", "x"], "-a-x-x-"),
            (#"(?:x|)*"#, "axx", ["a", "xx"], "-a-"),
            (#"$"#, "a\nb\n", ["a", "\nb", "\n"], "a-\nb-\n-"),
            (#"^"#, "a\nb\n", ["a\n", "b\n"], "-a\n-b\n"),
            (#"x*(?=x|$)"#, "xx漢xx", ["x", "x漢", "xx"], "-x漢-"),
        ])
    func isolated(pattern: String, text: String, expected: [String], replaced: String) throws {
        #expect(try split(pattern, .isolated, inverted: false, text) == expected)
        let normalizer = Normalizer(steps: [.replace(.regex(try PatternProgram(pattern, subject: "test")), with: Array("-".utf8))])
        #expect(String(decoding: normalizer.normalized(Array(text.utf8)), as: UTF8.self) == replaced)
        #expect(normalizer.normalized([]).isEmpty)
    }

    @Test(
        "part and join what lies around them",
        arguments: [
            (.isolated, false, ["ab", "c", "y", "b", "b", "yd"]),
            (.isolated, true, ["ab", "c", "y", "b", "b", "yd"]),
            (.removed, false, ["ab", "c", "b", "b", "yd"]),
            (.removed, true, ["y"]),
            (.mergedWithPrevious, false, ["ab", "cy", "b", "b", "yd"]),
            (.mergedWithPrevious, true, ["ab", "c", "yb", "b", "yd"]),
            (.mergedWithNext, false, ["ab", "c", "yb", "b", "yd"]),
            (.mergedWithNext, true, ["ab", "cy", "b", "b", "yd"]),
            (.contiguous, false, ["ab", "c", "y", "b", "b", "yd"]),
            (.contiguous, true, ["ab", "c", "y", "b", "b", "yd"]),
        ] as [(PreTokenizer.Behavior, Bool, [String])])
    func behaviors(behavior: PreTokenizer.Behavior, inverted: Bool, expected: [String]) throws {
        #expect(try split("(?<=b)|y", behavior, inverted: inverted, "abcybbyd") == expected)
    }

    @Test("group digits from the right, in text and in the alphabet for bytes")
    func digitGroups() throws {
        let vocabulary = (Array("0123456789Ġ").map { "\($0)" } + ["12", "34", "345", "23", "234", "67", "567"]).enumerated()
        let model = [
            "vocab": "{" + vocabulary.map { "\"\($1)\": \($0)" }.joined(separator: ", ") + "}",
            "merges": #"["1 2", "3 4", "34 5", "2 3", "23 4", "6 7", "5 67"]"#,
        ]
        let split = #"{"type": "Split", "pattern": {"Regex": "(?=(\\d{3})+(?!\\d))"}, "behavior": "Isolated", "invert": false}"#
        let byteLevel = #"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}"#
        for parts in [[split, byteLevel], [byteLevel, split]] {
            let preTokenizer = #"{"type": "Sequence", "pretokenizers": ["# + parts.joined(separator: ", ") + "]}"
            let tokenizer = try Tokenizer(tokenizerJSON: TokenizerFileTests.file(["pre_tokenizer": preTokenizer], model: model))
            #expect(tokenizer.encode("1234567 12345") == [1, 2, 12, 17, 10, 11, 13])
        }
    }

    /// A thousand million repetitions of nothing are nothing.
    @Test func costNothing() throws {
        #expect(try matcherPieces(["(?:(?:(?:){999}){999}){999}x"], "axb") == ["a", "x", "b"])
    }

    @Test("are refused where engines differ", arguments: ["(?:(?:|x)+|y?)*", "(?:(?:x?){2,}y*)+", "x{2}?"])
    func refused(pattern: String) {
        #expect(throws: InputError.self) { try PatternProgram(pattern, subject: "test") }
    }
}

/// Parts of a tokenizer.json that Hugging Face tokenizers applies one to the result of another.
@Suite("Combined parts") struct CombinedPartTests {
    private func error(_ part: String, _ json: String) -> String {
        do { _ = try Tokenizer(tokenizerJSON: TokenizerFileTests.file([part: json])) } catch { return "\(error)" }
        return ""
    }

    private func sequence(_ member: String, _ parts: [String]) -> String {
        "{\"type\": \"Sequence\", \"\(member)\": [" + parts.joined(separator: ", ") + "]}"
    }

    private static let byteLevel = #"{"type": "ByteLevel"}"#
    private static let fuse = #"{"type": "Fuse"}"#
    private static let replace = #"{"type": "Replace", "pattern": {"String": "a"}, "content": "b"}"#
    private static let strip = #"{"type": "Strip", "content": " ", "start": 1, "stop": 0}"#

    @Test(
        "decoders that change text beside ByteLevel are refused",
        arguments: [
            [replace, byteLevel], [byteLevel, replace], [strip, byteLevel], [byteLevel, fuse, strip], [byteLevel, #"{"type": "ByteFallback"}"#],
            [byteLevel, byteLevel], [fuse, byteLevel],
        ])
    func decoders(parts: [String]) {
        #expect(error("decoder", sequence("decoders", parts)).contains("\"ByteLevel\""))
    }

    @Test("ByteLevel with Fuse is ByteLevel")
    func fused() throws {
        let file = TokenizerFileTests.file(["decoder": sequence("decoders", [Self.byteLevel, Self.fuse])])
        #expect(try Tokenizer(tokenizerJSON: file).decode([2, 3, 0]) == "ab a")
    }

    private static let template = #"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}}], "special_tokens": {}}"#
    private static let pair = #"{"type": "BertProcessing", "sep": ["b", 1], "cls": ["a", 0]}"#

    @Test(
        "a second template is refused",
        arguments: [[template, pair], [pair, template], [pair, pair], [template, template], [byteLevel, pair, pair]])
    func templates(parts: [String]) {
        #expect(error("post_processor", sequence("processors", parts)).contains("processors[\(parts.count - 1)]: a second"))
    }

    @Test("one template among others surrounds the text")
    func oneTemplate() throws {
        let file = TokenizerFileTests.file(["post_processor": sequence("processors", [Self.byteLevel, Self.pair, Self.byteLevel])])
        #expect(try Tokenizer(tokenizerJSON: file).encode("ab") == [0, 2, 1])
    }
}
