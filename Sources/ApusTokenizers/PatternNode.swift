/// The syntax tree of a regular expression.
indirect enum PatternNode: Sendable {
    case empty
    case set(CharacterSet)
    case sequence([PatternNode])
    case alternatives([PatternNode])
    case repeated(PatternNode, atLeast: Int, atMost: Int?, Repetition)
    case lookaround(PatternNode, ahead: Bool, negative: Bool)
    case atomic(PatternNode)
    case assertion(Assertion)

    enum Repetition: Sendable { case greedy, lazy, possessive }

    enum Assertion: Sendable { case textStart, textEnd, lineStart, lineEnd, wordBoundary, notWordBoundary }

    /// Whether it can match without taking a character.
    var matchesNothing: Bool {
        switch self {
        case .empty, .lookaround, .assertion: true
        case .set: false
        case .sequence(let nodes): nodes.allSatisfy(\.matchesNothing)
        case .alternatives(let branches): branches.contains(where: \.matchesNothing)
        case .repeated(let inner, let low, _, _): low == 0 || inner.matchesNothing
        case .atomic(let inner): inner.matchesNothing
        }
    }
}

/// A set of code points: categories, ranges, or the complement of both.
struct CharacterSet: Sendable, Equatable {
    var categories = CategorySet()
    var ranges: [ClosedRange<UInt32>] = []
    var negated = false

    /// Bit n of the two words: whether the set has code point n below 128.
    private(set) var ascii: (UInt64, UInt64) = (0, 0)

    static func == (a: CharacterSet, b: CharacterSet) -> Bool {
        a.categories == b.categories && a.ranges == b.ranges && a.negated == b.negated
    }

    /// Fills the table for ASCII; call it when the members are complete.
    mutating func seal(_ categories: UnicodeCategories) {
        ascii = (0, 0)
        for c in UInt32(0)..<128 where slowlyHas(c, categories.category(c)) {
            if c < 64 { ascii.0 |= 1 << UInt64(c) } else { ascii.1 |= 1 << UInt64(c - 64) }
        }
    }

    @inline(__always) func hasASCII(_ byte: UInt8) -> Bool {
        (byte < 64 ? ascii.0 : ascii.1) >> UInt64(byte & 63) & 1 != 0
    }

    func slowlyHas(_ c: UInt32, _ category: UInt8) -> Bool {
        if categories.has(category) { return !negated }
        for range in ranges where range.contains(c) { return !negated }
        return negated
    }
}
