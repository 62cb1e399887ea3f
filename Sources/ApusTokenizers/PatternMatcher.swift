/// Finds the leftmost match of a pattern by backtracking, with an explicit stack: no input overflows the thread's.
///
/// A value belongs to one thread at a time; the program is shared.
struct PatternMatcher {
    typealias Position = UnsafePointer<UInt8>

    private enum Retry {
        case at(Int, Position)
        /// A greedy run that may give back down to `low`.
        case shorter(Int, Position, low: Position)
        /// A lazy run that may take more.
        case longer(Int, Position, taken: Int)
    }

    private struct Visit: Hashable {
        let instruction: Int
        let position: Position
    }

    let program: PatternProgram
    private var stack: [Retry] = []
    private let text = TextClassifier()

    init(_ program: PatternProgram) { self.program = program }

    /// The match that follows another, or the first. An empty one does not count directly behind another.
    mutating func find(after last: Range<Position>?, in start: Position, _ end: Position) -> Range<Position>? {
        var p = last?.upperBound ?? start
        while p < end {
            if program.firstBytes[Int(p[0])] {
                if let stop = match(0, p, start, end) {
                    if stop > p || p != last?.upperBound { return p..<stop }
                } else if let set = program.openingRun, let after = runEnd(set, p, end) {
                    // A pattern that opens with an unbounded run fails from inside the run as it failed from the run's start.
                    p = after
                    continue
                }
            }
            p += text.item(p, end).length
        }
        guard program.matchesNothing, end != last?.upperBound, match(0, end, start, end) != nil else { return nil }
        return end..<end
    }

    private func runEnd(_ set: Int, _ p: Position, _ end: Position) -> Position? {
        var stop = p
        while stop < end, let length = member(set, stop, end) { stop += length }
        return stop > p ? stop : nil
    }

    /// Where the match that starts at instruction `entry` and position `p` ends.
    private mutating func match(_ entry: Int, _ p: Position, _ start: Position, _ end: Position) -> Position? {
        let floor = stack.count
        defer { stack.removeSubrange(floor...) }
        var visited: Set<Visit> = []
        var pc = entry
        var p = p
        while true {
            if let next = step(&pc, p, start, end, &visited) {
                p = next
                if case .match = program.instructions[pc] { return p }
            } else {
                repeat {
                    guard stack.count > floor else { return nil }
                } while !resume(&pc, &p, end)
                if case .match = program.instructions[pc] { return p }
            }
        }
    }

    /// Runs one instruction; nil when it fails.
    @inline(__always)
    private mutating func step(
        _ pc: inout Int, _ p: Position, _ start: Position, _ end: Position, _ visited: inout Set<Visit>
    ) -> Position? {
        let at = pc
        pc += 1
        switch program.instructions[at] {
        case .one(let index):
            guard p < end, let length = member(index, p, end) else { return nil }
            return p + length
        case .run(let index, let low, let high, let kind):
            return run(index, low, high, kind, pc, p, end)
        case .jump(let target):
            pc = target
            return p
        case .split(let first, let second, let isLoop):
            if isLoop, !visited.insert(Visit(instruction: at, position: p)).inserted {
                // A greedy loop ends after a turn over nothing; a lazy one has tried to end before.
                guard first == pc, visited.insert(Visit(instruction: ~at, position: p)).inserted else { return nil }
                pc = second
                return p
            }
            stack.append(.at(second, p))
            pc = first
            return p
        case .lookahead(let negative, let then):
            let holds = match(at + 1, p, start, end) != nil
            pc = then
            return holds != negative ? p : nil
        case .atomic(let then):
            pc = then
            return match(at + 1, p, start, end)
        case .lookbehind(let index, let negative):
            let holds = p > start && member(index, p - UTF8Scanning.lengthBefore(p, start), p) != nil
            return holds != negative ? p : nil
        case .assertion(let assertion):
            return holds(assertion, p, start, end) ? p : nil
        case .match:
            pc = at
            return p
        }
    }

    /// Takes up the latest alternative; false when it turns out to have none left.
    private mutating func resume(_ pc: inout Int, _ p: inout Position, _ end: Position) -> Bool {
        switch stack.removeLast() {
        case .at(let instruction, let position):
            (pc, p) = (instruction, position)
        case .shorter(let instruction, let position, let low):
            p = position - UTF8Scanning.lengthBefore(position, low)
            if p > low { stack.append(.shorter(instruction, p, low: low)) }
            pc = instruction
        case .longer(let instruction, let position, let taken):
            guard case .run(let index, _, let high, _) = program.instructions[instruction - 1], position < end,
                let length = member(index, position, end)
            else { return false }
            p = position + length
            if taken + 1 < high { stack.append(.longer(instruction, p, taken: taken + 1)) }
            pc = instruction
        }
        return true
    }

    @inline(__always)
    private func member(_ index: Int, _ p: Position, _ end: Position) -> Int? {
        let byte = p[0]
        return program.sets.withUnsafeBufferPointer { sets in
            if byte < 0x80 { return sets[index].hasASCII(byte) ? 1 : nil }
            let scalar = UTF8Scanning.multibyteScalar(p, end)
            let category =
                scalar.length == 1 ? UnicodeCategory.unassigned.rawValue : UnicodeCategories.shared.category(scalar.value)
            return sets[index].slowlyHas(scalar.value, category) ? scalar.length : nil
        }
    }

    private mutating func run(
        _ index: Int, _ low: Int, _ high: Int, _ kind: PatternNode.Repetition, _ pc: Int, _ p: Position, _ end: Position
    ) -> Position? {
        var p = p
        var count = 0
        var lowest = p
        let wanted = kind == .lazy ? low : high
        while count < wanted, p < end, let length = member(index, p, end) {
            p += length
            count += 1
            if count == low { lowest = p }
        }
        guard count >= low else { return nil }
        switch kind {
        case .greedy: if p > lowest { stack.append(.shorter(pc, p, low: lowest)) }
        case .lazy: if count < high { stack.append(.longer(pc, p, taken: count)) }
        case .possessive: break
        }
        return p
    }

    private func holds(_ assertion: PatternNode.Assertion, _ p: Position, _ start: Position, _ end: Position) -> Bool {
        switch assertion {
        case .textStart: return p == start
        case .textEnd: return p == end
        case .lineStart: return p == start || p < end && p[-1] == 0x0A
        case .lineEnd: return p == end || p[0] == 0x0A
        case .wordBoundary, .notWordBoundary:
            let before = p > start && CategorySet.words.has(text.item(p - UTF8Scanning.lengthBefore(p, start), p).category)
            let after = p < end && CategorySet.words.has(text.item(p, end).category)
            return (before != after) == (assertion == .wordBoundary)
        }
    }
}
