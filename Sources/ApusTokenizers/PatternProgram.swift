import ApusBase

/// A regular expression compiled for `PatternMatcher`.
struct PatternProgram: Sendable {
    enum Instruction: Sendable {
        /// One code point of a set.
        case one(Int)
        /// As many code points of a set as the bounds allow; the rest of the program decides how many are kept.
        case run(Int, atLeast: Int, atMost: Int, PatternNode.Repetition)
        case jump(Int)
        /// Tries the first target, then the second. A loop's body is tried once at each place at most,
        /// which bounds the work and ends loops over nothing.
        case split(Int, Int, isLoop: Bool)
        /// Runs the sub-program from the next instruction to its `match`, then goes on at `then`.
        case lookahead(negative: Bool, then: Int)
        /// One code point of a set lies before.
        case lookbehind(Int, negative: Bool)
        case atomic(then: Int)
        case assertion(PatternNode.Assertion)
        case match
    }

    private(set) var instructions: [Instruction] = []
    private(set) var sets: [CharacterSet] = []
    /// Whether a match can start with the byte.
    private(set) var firstBytes: [Bool]
    /// Whether a match can be empty.
    let matchesNothing: Bool
    /// The set of the unbounded greedy run that every match opens with, if the pattern has one.
    private(set) var openingRun: Int?
    private let subject: String
    /// Whether what is being compiled stands in a loop that a turn over nothing can end.
    private var isInLoopOverNothing = false

    init(_ pattern: String, subject: String) throws(InputError) {
        self.subject = subject
        let node = try PatternParser.parse(pattern, subject: subject)
        matchesNothing = node.matchesNothing
        firstBytes = Self.firstBytes(of: node) ?? Array(repeating: true, count: 256)
        try compile(node)
        instructions.append(.match)
        if case .run(let set, _, .max, .greedy) = instructions[0] { openingRun = set }
    }

    private mutating func set(_ set: CharacterSet) -> Int {
        if let index = sets.firstIndex(of: set) { return index }
        sets.append(set)
        return sets.count - 1
    }

    private mutating func emit(_ instruction: Instruction) throws(InputError) {
        guard instructions.count < 20_000 else {
            throw InputError(subject, "the pattern's counted repetitions unfold to more than 20000 steps")
        }
        instructions.append(instruction)
    }

    private mutating func compile(_ node: PatternNode) throws(InputError) {
        switch node {
        case .empty: break
        case .set(let members): try emit(.one(set(members)))
        case .sequence(let nodes): for node in nodes { try compile(node) }
        case .alternatives(let branches): try compile(branches[...])
        case .repeated(let inner, let low, let high, let kind): try compileRepeated(inner, low, high, kind)
        case .assertion(let assertion): try emit(.assertion(assertion))
        case .atomic(let inner): try compileAtomic(inner)
        case .lookaround(let inner, ahead: true, let negative):
            let start = instructions.count
            try emit(.lookahead(negative: negative, then: 0))
            try compile(inner)
            try emit(.match)
            instructions[start] = .lookahead(negative: negative, then: instructions.count)
        case .lookaround(.set(let members), ahead: false, let negative):
            try emit(.lookbehind(set(members), negative: negative))
        case .lookaround:
            throw InputError(
                subject, "the pattern looks behind at more than one character",
                remedy: "Apus reads (?<=x) and (?<!x) for single characters x")
        }
    }

    private mutating func compile(_ branches: ArraySlice<PatternNode>) throws(InputError) {
        var exits: [Int] = []
        for branch in branches.dropLast() {
            let split = instructions.count
            try emit(.split(0, 0, isLoop: false))
            try compile(branch)
            exits.append(instructions.count)
            try emit(.jump(0))
            instructions[split] = .split(split + 1, instructions.count, isLoop: false)
        }
        try compile(branches.last!)
        for exit in exits { instructions[exit] = .jump(instructions.count) }
    }

    private mutating func compileAtomic(_ inner: PatternNode) throws(InputError) {
        let start = instructions.count
        try emit(.atomic(then: 0))
        try compile(inner)
        try emit(.match)
        instructions[start] = .atomic(then: instructions.count)
    }

    private mutating func compileRepeated(
        _ inner: PatternNode, _ low: Int, _ high: Int?, _ kind: PatternNode.Repetition
    ) throws(InputError) {
        if case .set(let members) = inner {
            return try emit(.run(set(members), atLeast: low, atMost: high ?? .max, kind))
        }
        if kind == .possessive { return try compileAtomic(.repeated(inner, atLeast: low, atMost: high, .greedy)) }
        let isOuter = isInLoopOverNothing
        defer { isInLoopOverNothing = isOuter }
        if high == nil, inner.matchesNothing {
            guard !isOuter else {
                throw InputError(subject, "the pattern has an unbounded repetition of what can match nothing inside another such repetition")
            }
            isInLoopOverNothing = true
        }
        for _ in 0..<low {
            let before = instructions.count
            try compile(inner)
            // What has no instructions is the same however often.
            if instructions.count == before { break }
        }
        func split(_ into: Int, _ past: Int, isLoop: Bool) -> Instruction {
            kind == .lazy ? .split(past, into, isLoop: isLoop) : .split(into, past, isLoop: isLoop)
        }
        guard let high else {
            let head = instructions.count
            try emit(.jump(0))
            try compile(inner)
            try emit(.jump(head))
            instructions[head] = split(head + 1, instructions.count, isLoop: true)
            return
        }
        var heads: [Int] = []
        for _ in low..<high {
            heads.append(instructions.count)
            try emit(.jump(0))
            try compile(inner)
        }
        for head in heads { instructions[head] = split(head + 1, instructions.count, isLoop: false) }
    }

    // MARK: First bytes

    /// The bytes that a match of the node can start with, or nil when it can match nothing at all.
    private static func firstBytes(of node: PatternNode) -> [Bool]? {
        switch node {
        case .set(let members):
            return (0..<256).map { $0 >= 128 || members.hasASCII(UInt8($0)) }
        case .sequence(let nodes):
            return firstBytes(of: nodes[...])
        case .alternatives(let branches):
            var union = Array(repeating: false, count: 256)
            for branch in branches {
                guard let bytes = firstBytes(of: branch) else { return nil }
                for (index, isPossible) in bytes.enumerated() where isPossible { union[index] = true }
            }
            return union
        case .repeated(let inner, let low, _, _): return low > 0 ? firstBytes(of: inner) : nil
        case .atomic(let inner): return firstBytes(of: inner)
        case .empty, .lookaround, .assertion: return nil
        }
    }

    private static func firstBytes(of nodes: ArraySlice<PatternNode>) -> [Bool]? {
        var union = Array(repeating: false, count: 256)
        for node in nodes {
            var isOptional = false
            var node = node
            switch node {
            case .repeated(let inner, 0, _, _):
                isOptional = true
                node = inner
            case .lookaround, .assertion: continue
            default: break
            }
            guard let bytes = firstBytes(of: node) else { return nil }
            for (index, isPossible) in bytes.enumerated() where isPossible { union[index] = true }
            if !isOptional { return union }
        }
        return nil
    }
}
