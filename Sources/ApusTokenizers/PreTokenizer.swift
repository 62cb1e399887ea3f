import ApusBase

/// Splits text into the pieces that are encoded on their own: one or more stages, each splitting the pieces of the one before.
struct PreTokenizer: Sendable {
    /// What becomes of the matches of a pattern and of the text between them (the names of `tokenizer.json`).
    enum Behavior: String, Sendable {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    enum Stage: Sendable {
        case words(WordScanner)
        case pattern(PatternProgram, Behavior, inverted: Bool)
        /// Spaces become a mark, which is also put before the text, and words start at it.
        case metaspace(Metaspace)
        /// White space goes, punctuation stands alone (BERT).
        case bert
        /// White space goes, and words and what is neither stand apart.
        case whitespace
        /// A pattern over GPT-2's alphabet for bytes instead of the text itself.
        case alphabetPattern(PatternProgram, Behavior, inverted: Bool)
    }

    struct Metaspace: Sendable {
        enum Prepending: String, Sendable {
            case always, first, never
        }

        var mark: [UInt8]
        var prepending: Prepending
        var splits: Bool
    }

    private(set) var stages: [Stage]
    /// A space is put before text that starts with none, as GPT-2's own `add_prefix_space` does; before all stages.
    var addsPrefixSpace = false

    init(stages: [Stage]) { self.stages = Self.fused(stages) }

    /// The stages for patterns applied one after the other, matches being isolated.
    init(patterns: [String], subject: String) throws(InputError) {
        var stages: [Stage] = []
        for pattern in patterns {
            stages.append(try Self.stage(pattern: pattern, behavior: .isolated, inverted: false, subject: subject))
        }
        self.init(stages: stages)
    }

    /// A stage for a pattern: the hand-written scanner where there is one, which gives the same pieces.
    static func stage(pattern: String, behavior: Behavior, inverted: Bool, subject: String) throws(InputError) -> Stage {
        // The scanners' patterns match everywhere, so that nothing lies between the matches.
        let matchesAreKept = inverted ? behavior == .removed || behavior == .isolated : behavior == .isolated
        if matchesAreKept, let scanner = WordScanner(pattern: pattern) { return .words(scanner) }
        return .pattern(try PatternProgram(pattern, subject: subject), behavior, inverted: inverted)
    }

    /// GPT-2's pattern after the isolation of numbers is one scanner.
    private static func fused(_ stages: [Stage]) -> [Stage] {
        guard stages.count == 2, case .pattern(let program, .isolated, _) = stages[0],
            case .words(.gpt2(isolatesNumbers: false)) = stages[1],
            program.sets.count == 1, program.sets[0].categories == .numbers, program.sets[0].ranges.isEmpty, !program.sets[0].negated,
            program.instructions.count == 2, case .one = program.instructions[0]
        else { return stages }
        return [.words(.gpt2(isolatesNumbers: true))]
    }
}

extension WordScanner {
    /// The scanner for a pattern as `tokenizer.json` files and llama.cpp spell it, or nil.
    init?(pattern: String) {
        guard let scanner = Self.known[pattern] else { return nil }
        self = scanner
    }

    static let gpt2Pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    /// The GPT-4 family by its parts: contractions, letters, digits, the set of the others.
    static func gpt4Pattern(contractions: String, letters: String = #"\p{L}"#, digits: String, marks: String = "") -> String {
        contractions + #"[^\r\n\p{L}\p{N}]?"# + letters + "+|" + digits + #"| ?[^\s\p{L}"# + marks
            + #"\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    private static let known: [String: WordScanner] = {
        var known: [String: WordScanner] = [
            gpt2Pattern: .gpt2(isolatesNumbers: false),
            #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#: .gpt2(isolatesNumbers: false),
        ]
        let contractions = [#"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"#, #"'(?i:[sdmt]|ll|ve|re)|"#, ""]
        for contraction in contractions {
            for (digits, limit) in [(#"\p{N}{1,3}"#, 3), (#"\p{N}"#, 1), (#"\p{N}{1}"#, 1), (#"\p{N}+"#, Int.max)] {
                let options = GPT4Options(contractions: !contraction.isEmpty, digits: limit)
                known[gpt4Pattern(contractions: contraction, digits: digits)] = .gpt4(options)
                var withMarks = options
                withMarks.marksAreLetters = true
                let patternWithMarks = gpt4Pattern(
                    contractions: contraction, letters: #"[\p{L}\p{M}]"#, digits: digits, marks: #"\p{M}"#)
                known[patternWithMarks] = .gpt4(withMarks)
            }
        }
        return known
    }()
}
