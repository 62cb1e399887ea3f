import ApusBase

/// Reads the regular expressions of `tokenizer.json` (the syntax shared by Oniguruma and Rust's regex, as far as tokenizers use it).
///
/// Anything else is an `InputError` that names the construct: a pattern is never half understood.
struct PatternParser {
    private let subject: String
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var ignoresCase = false
    private var depth = 0
    private let categories = UnicodeCategories.shared

    static func parse(_ pattern: String, subject: String) throws(InputError) -> PatternNode {
        var parser = PatternParser(subject: subject, scalars: Array(pattern.unicodeScalars))
        let node = try parser.alternatives()
        guard parser.position == parser.scalars.count else { throw parser.error("\")\" without \"(\"") }
        return node
    }

    private init(subject: String, scalars: [Unicode.Scalar]) {
        self.subject = subject
        self.scalars = scalars
    }

    private func error(_ rule: String) -> InputError {
        InputError(
            subject, at: "character \(position) of the pattern \"\(String(String.UnicodeScalarView(scalars)))\"", rule,
            remedy: "Apus reads the patterns of published byte-level BPE tokenizers; this one needs its support first")
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    // MARK: Structure

    private mutating func alternatives() throws(InputError) -> PatternNode {
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence() throws(InputError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" { nodes.append(try quantified(try atom())) }
        return nodes.count == 1 ? nodes[0] : nodes.isEmpty ? .empty : .sequence(nodes)
    }

    private mutating func atom() throws(InputError) -> PatternNode {
        let scalar = scalars[position]
        switch scalar {
        case "(": return try group()
        case "[": return .set(try bracket())
        case "\\": return try escape()
        case ".":
            position += 1
            return .set(sealed(CharacterSet(ranges: [0x0A...0x0A], negated: true)))
        case "^": position += 1; return .assertion(.lineStart)
        case "$": position += 1; return .assertion(.lineEnd)
        case "*", "+", "?": throw error("\"\(scalar)\" repeats nothing")
        default:
            position += 1
            return .set(literal(scalar))
        }
    }

    private mutating func group() throws(InputError) -> PatternNode {
        guard depth < 64 else { throw error("groups are nested more than 64 deep") }
        depth += 1
        defer { depth -= 1 }
        let outerCase = ignoresCase
        defer { ignoresCase = outerCase }
        func closed(_ parser: inout Self) throws(InputError) -> PatternNode {
            let node = try parser.alternatives()
            guard parser.take(")") else { throw parser.error("\"(\" without \")\"") }
            return node
        }
        if take("(?:") { return try closed(&self) }
        if take("(?i:") { ignoresCase = true; return try closed(&self) }
        if take("(?i)") {
            // It holds to the end of the group that it stands in, alternatives included.
            ignoresCase = true
            return try alternatives()
        }
        if take("(?=") { return .lookaround(try closed(&self), ahead: true, negative: false) }
        if take("(?!") { return .lookaround(try closed(&self), ahead: true, negative: true) }
        if take("(?<=") { return .lookaround(try closed(&self), ahead: false, negative: false) }
        if take("(?<!") { return .lookaround(try closed(&self), ahead: false, negative: true) }
        if take("(?>") { return .atomic(try closed(&self)) }
        guard !take("(?") else { throw error("a kind of group that is not supported") }
        position += 1
        return try closed(&self)
    }

    private mutating func quantified(_ node: PatternNode) throws(InputError) -> PatternNode {
        var low = 0
        var high: Int?
        var counted = false
        switch next {
        case "*": position += 1
        case "+": position += 1; low = 1
        case "?": position += 1; high = 1
        case "{":
            guard let bounds = try counts() else { return node }
            (low, high, counted) = (bounds.0, bounds.1, true)
        default: return node
        }
        var kind = PatternNode.Repetition.greedy
        if take("?") {
            guard !counted || low != high else { throw error("\"?\" after {n} means different things to different engines") }
            kind = .lazy
        } else if next == "+" {
            guard !counted else { throw error("\"+\" after a counted repetition means different things to different engines") }
            position += 1
            kind = .possessive
        }
        if next == "*" || next == "+" || next == "?" { throw error("a repetition of a repetition") }
        return .repeated(node, atLeast: low, atMost: high, kind)
    }

    /// `{n}`, `{n,}`, `{n,m}` or `{,m}`.
    private mutating func counts() throws(InputError) -> (Int, Int?)? {
        position += 1
        let low = number()
        let high = take(",") ? number() : low
        let open = scalars[position - 1] == ","
        guard take("}"), low != nil || high != nil, (low ?? 0) <= (high ?? .max), (high ?? 0) <= 1000, (low ?? 0) <= 1000 else {
            throw error("a counted repetition must read {n}, {n,} or {n,m} with n ≤ m ≤ 1000")
        }
        return (low ?? 0, open ? nil : high)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = next?.value, digit >= 0x30, digit <= 0x39 {
            value = min((value ?? 0) * 10 + Int(digit - 0x30), 1 << 20)
            position += 1
        }
        return value
    }

    // MARK: Sets

    private func sealed(_ set: CharacterSet) -> CharacterSet {
        var set = set
        set.seal(categories)
        return set
    }

    private func literal(_ scalar: Unicode.Scalar) -> CharacterSet {
        var set = CharacterSet(ranges: [scalar.value...scalar.value])
        if ignoresCase { addOtherCases(to: &set) }
        return sealed(set)
    }

    /// Simple case folding of the ASCII letters, which U+017F (s) and U+212A (k) are part of.
    private func addOtherCases(to set: inout CharacterSet) {
        for range in set.ranges {
            for c in range.clamped(to: 0...0x7F) where c >= 0x41 && c <= 0x5A || c >= 0x61 && c <= 0x7A {
                set.ranges.append(c ^ 0x20...c ^ 0x20)
                if c | 0x20 == 0x73 { set.ranges.append(0x17F...0x17F) }
                if c | 0x20 == 0x6B { set.ranges.append(0x212A...0x212A) }
            }
        }
    }

    private mutating func bracket() throws(InputError) -> CharacterSet {
        position += 1
        var set = CharacterSet()
        let negated = take("^")
        var isFirst = true
        while let scalar = next, scalar != "]" || isFirst {
            isFirst = false
            if scalar == "[" {
                try addNested(to: &set)
                continue
            }
            if scalar == "&", position + 1 < scalars.count, scalars[position + 1] == "&" { throw error("an intersection of sets") }
            guard let low = try member(of: &set) else { continue }
            guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                set.ranges.append(low...low)
                continue
            }
            position += 1
            guard let high = try member(of: &set), low <= high else { throw error("a range must go upwards between two characters") }
            set.ranges.append(low...high)
        }
        guard take("]") else { throw error("\"[\" without \"]\"") }
        if ignoresCase { addOtherCases(to: &set) }
        set.negated = negated
        return sealed(set)
    }

    /// A set inside a set adds its members.
    private mutating func addNested(to set: inout CharacterSet) throws(InputError) {
        guard position + 1 < scalars.count, scalars[position + 1] != ":" else { throw error("a POSIX class") }
        guard depth < 64 else { throw error("sets are nested more than 64 deep") }
        depth += 1
        let inner = try bracket()
        depth -= 1
        guard !inner.negated else { throw error("a complement inside a set") }
        set.categories.formUnion(inner.categories)
        set.ranges += inner.ranges
    }

    /// One code point, or nil after a class was added to the set.
    private mutating func member(of set: inout CharacterSet) throws(InputError) -> UInt32? {
        guard let scalar = next else { throw error("\"[\" without \"]\"") }
        guard scalar == "\\" else {
            position += 1
            return scalar.value
        }
        if let named = try namedClass() {
            set.categories.formUnion(named.categories)
            set.ranges += named.ranges
            return nil
        }
        return try escapedScalar()
    }

    // MARK: Escapes

    private mutating func escape() throws(InputError) -> PatternNode {
        if take("\\b") { return .assertion(.wordBoundary) }
        if take("\\B") { return .assertion(.notWordBoundary) }
        if take("\\A") { return .assertion(.textStart) }
        if take("\\z") { return .assertion(.textEnd) }
        if let named = try namedClass() { return .set(sealed(named)) }
        let value = try escapedScalar()
        guard let scalar = Unicode.Scalar(value) else { throw error("U+\(String(value, radix: 16)) is no character") }
        return .set(literal(scalar))
    }

    private mutating func namedClass() throws(InputError) -> CharacterSet? {
        let classes: [(String, CategorySet)] = [("\\s", .whiteSpace), ("\\d", CategorySet(.decimalNumber)), ("\\w", .words)]
        for (name, set) in classes {
            if take(name) { return CharacterSet(categories: set) }
            if take(name.uppercased()) { return CharacterSet(categories: .all.subtracting(set)) }
        }
        let isPositive = take("\\p{")
        guard isPositive || take("\\P{") else { return nil }
        let inverted = take("^") == isPositive
        var name = ""
        while let scalar = next, scalar != "}" {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take("}") else { throw error("\\p{ without }") }
        if name == "Han" {
            guard !inverted else { throw error("the complement of \\p{Han}") }
            return CharacterSet(ranges: Self.han)
        }
        guard let set = Self.properties[name] else { throw error("the property \"\(name)\"") }
        return CharacterSet(categories: inverted ? .all.subtracting(set) : set)
    }

    private mutating func escapedScalar() throws(InputError) -> UInt32 {
        position += 1
        guard let scalar = next else { throw error("the pattern ends after \"\\\"") }
        position += 1
        switch scalar {
        case "n": return 0x0A
        case "r": return 0x0D
        case "t": return 0x09
        case "f": return 0x0C
        case "v": return 0x0B
        case "0": return 0
        case "u": return try hexadecimal(digits: 4)
        case "x":
            guard take("{") else { return try hexadecimal(digits: 2) }
            let value = try hexadecimal(digits: nil)
            guard take("}") else { throw error("\\x{ without }") }
            return value
        default:
            let value = scalar.value
            let isAlphanumeric = value < 0x80 && scalar.properties.isAlphabetic || value >= 0x30 && value <= 0x39
            guard !isAlphanumeric else { throw error("the escape \"\\\(scalar)\"") }
            return value
        }
    }

    private mutating func hexadecimal(digits: Int?) throws(InputError) -> UInt32 {
        var value: UInt32 = 0
        var count = 0
        while count < digits ?? 6, let scalar = next, let digit = Character(scalar).hexDigitValue {
            value = value << 4 | UInt32(digit)
            position += 1
            count += 1
        }
        guard count > 0, digits == nil || count == digits, Unicode.Scalar(value) != nil else {
            throw error("a hexadecimal escape must name a character")
        }
        return value
    }
}
