import ApusBase
import ApusInference
import Testing

@Suite struct SamplingStopTests {
    /// What the matcher must give: the text before the stop string that ends first, the longest of those that end there.
    private func expected(_ text: String, _ stops: [String]) -> (text: String, stop: String?) {
        let bytes = Array(text.utf8)
        for end in 0...bytes.count {
            let ending = stops.filter { bytes[..<end].reversed().starts(with: $0.utf8.reversed()) }
            if let stop = ending.max(by: { $0.utf8.count < $1.utf8.count }) {
                return (String(decoding: bytes[..<(end - stop.utf8.count)], as: UTF8.self), stop)
            }
        }
        return (text, nil)
    }

    private func run(_ pieces: [String], _ stops: [String]) throws -> (text: String, stop: String?) {
        var matcher = try StopMatcher(stops)
        var text = ""
        for piece in pieces { text += matcher.push(piece) }
        text += matcher.finish()
        #expect(matcher.push("more") == "" || matcher.matched == nil)
        return (text, matcher.matched)
    }

    @Test func anySplittingGivesTheSameText() throws {
        var random = SplitMix64(state: 21)
        for round in 0..<4000 {
            let letters: [Character] = round % 3 == 0 ? ["a", "b"] : ["a", "b", "é", "雪", "🙂", "\n"]
            func string(_ length: ClosedRange<Int>) -> String {
                String((0..<Int.random(in: length, using: &random)).map { _ in letters.randomElement(using: &random)! })
            }
            let text = string(0...30)
            let stops = (0..<Int.random(in: 1...3, using: &random)).map { _ in string(1...5) }
            let scalars = Array(text.unicodeScalars)
            var pieces: [String] = []
            var start = 0
            while start < scalars.count {
                let end = min(scalars.count, start + Int.random(in: 0...4, using: &random))
                var piece = String.UnicodeScalarView()
                piece.append(contentsOf: scalars[start..<end])
                pieces.append(String(piece))
                start = end
            }
            let (whole, parts) = (expected(text, stops), try run(pieces, stops))
            #expect(parts.text == whole.text && parts.stop == whole.stop, "\(pieces), stops \(stops)")
        }
    }

    @Test func holdsBackOnlyWhatMayBecomeAStopString() throws {
        var matcher = try StopMatcher(["<|end|>", "\n\n"])
        #expect(matcher.push("Hello <") == "Hello ")
        #expect(matcher.push("|e") == "")
        #expect(matcher.push("x") == "<|ex")
        #expect(matcher.push(" a\n") == " a")
        #expect(matcher.push("b\n<|en") == "\nb\n")
        #expect(matcher.push("d|> after") == "")
        #expect(matcher.matched == "<|end|>")
        #expect(matcher.push("more") == "" && matcher.finish() == "")
    }

    @Test func finishGivesOutThePartialMatch() throws {
        var matcher = try StopMatcher(["stop"])
        #expect(matcher.push("go sto") == "go ")
        #expect(matcher.finish() == "sto")
        #expect(matcher.matched == nil)
    }

    @Test func bytesNotCanonicalEquivalenceDecide() throws {
        #expect(try run(["cafe\u{301}!"], ["caf\u{e9}"]).stop == nil)
        #expect(try run(["cafe", "\u{301}!"], ["e\u{301}"]).text == "caf")
    }

    @Test func withoutStopStringsTextPassesThrough() throws {
        #expect(try run(["a", "", "b"], []) == ("ab", nil))
        #expect(throws: InputError.self) { try StopMatcher(["a", ""]) }
    }
}
