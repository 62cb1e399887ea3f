import ApusBase
import ApusTemplates
import Testing

@Suite("No source crashes")
struct MutationTests {
    static let pieces = [
        "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "(", ")", "[", "]", "{", "}", "'", "\"", "\\", "|", ".", ",", ":", "=", "~", "//",
        "**", " if ", " else ", " for ", " in ", "endfor", "endif", "set ", "macro ", "endmacro", "is ", "not ", "loop", "namespace(",
        "tojson", "items", "0", "1e9", "-1", "999999999999", "name", "words", "\n", " ", "é", "\u{301}", "raw", "endraw", "none", "missing",
    ]

    /// Parses and runs a source with small limits; anything but a rendering or an `InputError` is a crash.
    private func attempt(_ source: String, _ variables: [String: TemplateValue]) -> Bool {
        let limits = TemplateLimits(steps: 5000, outputBytes: 1 << 16, workBytes: 1 << 20, macroDepth: 20, rangeCount: 1000)
        return (try? Goldens.render(source, variables, limits: limits)) != nil
    }

    @Test(arguments: 0..<4) func mutations(_ seed: Int) throws {
        let variables = Goldens.variables(try Goldens.json("cases.json")["variables"])
        var random = Generator(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        let sources = GoldenTests.cases.map { Array($0.source.unicodeScalars) }
        var rendered = 0
        for _ in 0..<4000 {
            var scalars = sources[Int.random(in: 0..<sources.count, using: &random)]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0...scalars.count, using: &random)
                let end = min(scalars.count, place + Int.random(in: 0...6, using: &random))
                switch Int.random(in: 0..<4, using: &random) {
                case 0: scalars.removeSubrange(place..<end)
                case 1: scalars.insert(contentsOf: MutationTests.pieces.randomElement(using: &random)!.unicodeScalars, at: place)
                case 2: scalars.insert(contentsOf: scalars[place..<end], at: Int.random(in: 0...scalars.count, using: &random))
                default:
                    let other = sources[Int.random(in: 0..<sources.count, using: &random)]
                    let start = Int.random(in: 0...other.count, using: &random)
                    scalars.insert(contentsOf: other[start..<min(other.count, start + 20)], at: place)
                }
            }
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars)
            if attempt(String(text), variables) { rendered += 1 }
        }
        #expect(rendered > 100, "mutations that still render keep the test meaningful")
    }

    /// Every prefix of every case, so bad syntax at each token.
    @Test func prefixes() throws {
        let variables = Goldens.variables(try Goldens.json("cases.json")["variables"])
        var rendered = 0
        for example in GoldenTests.cases {
            let scalars = Array(example.source.unicodeScalars)
            for count in 0..<scalars.count {
                var text = String.UnicodeScalarView()
                text.append(contentsOf: scalars[..<count])
                if attempt(String(text), variables) { rendered += 1 }
            }
        }
        #expect(rendered > 100)
    }

    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
