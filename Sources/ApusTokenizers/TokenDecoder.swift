/// How tokens become text again.
struct TokenDecoder: Sendable {
    /// What a token's text goes through on its own (the decoders of `tokenizer.json` before "Fuse").
    enum Step: Sendable {
        case replace([UInt8], with: [UInt8])
        case strip([UInt8], start: Int, stop: Int)
        /// Spaces for the mark; the first token loses all its marks if a space was added when encoding.
        case metaspace(mark: [UInt8], dropsFirst: Bool)
        case wordPiece(prefix: [UInt8], cleansUp: Bool)
        /// Tokens are set apart by spaces.
        case spaced
        /// The mark at a word's end becomes a space, or nothing at the end of the text.
        case wordEnd([UInt8])
        /// Spaces for U+2581, and the first of them left out as SentencePiece does it.
        case sentencePiece(LeadingSpace)
    }

    enum LeadingSpace: Sendable {
        case kept
        case droppedOnce
        /// As long as the text is empty.
        case dropped
    }

    /// Tokens are spelled in GPT-2's alphabet for bytes.
    var isByteLevel = false
    var steps: [Step] = []
    /// Tokens `<0x41>` are bytes.
    var hasByteFallback = false
    /// Characters dropped at the beginning of the whole text (a "Strip" after "Fuse").
    var leading: (character: [UInt8], count: Int) = ([], 0)
    /// What stands for the unknown token, if not its own text.
    var unknownText: [UInt8]?

    static let byteLevel = TokenDecoder(isByteLevel: true)

    /// Whether a token's text depends on whether it is the last.
    var needsLookahead: Bool { steps.contains { if case .wordEnd = $0 { true } else { false } } }

    /// What the tokens before have left behind.
    struct State: Sendable {
        fileprivate var isFirst = true
        fileprivate var expectsLeadingSpace = true
        fileprivate var leadingLeft: Int?
    }

    /// Appends the text of a token that is no mark of the format.
    func append(_ token: [UInt8], isLast: Bool, _ state: inout State, to output: inout [UInt8]) {
        let first = output.count
        defer {
            state.isFirst = false
            dropLeading(from: first, &state, &output)
            if output.count > first { state.expectsLeadingSpace = false }
        }
        if hasByteFallback, let byte = ByteFallback.byte(of: token) { return output.append(byte) }
        var text = token
        for step in steps { apply(step, to: &text, isLast, &state) }
        output += text
    }

    /// Appends text that no step changes.
    func append(verbatim text: [UInt8], _ state: inout State, to output: inout [UInt8]) {
        output += text
        state.isFirst = false
        if !text.isEmpty { state.expectsLeadingSpace = false }
    }

    /// The bytes of a token that others stand around.
    func inside(_ token: [UInt8]) -> [UInt8] {
        var state = State()
        (state.isFirst, state.expectsLeadingSpace, state.leadingLeft) = (false, false, 0)
        var bytes: [UInt8] = []
        append(token, isLast: false, &state, to: &bytes)
        return bytes
    }

    private func apply(_ step: Step, to text: inout [UInt8], _ isLast: Bool, _ state: inout State) {
        switch step {
        case .replace(let old, let new): text = Self.replaced(text, old, new)
        case .strip(let character, let start, let stop):
            for _ in 0..<start where text.starts(with: character) { text.removeFirst(character.count) }
            for _ in 0..<stop where text.count >= character.count && text.suffix(character.count).elementsEqual(character) {
                text.removeLast(character.count)
            }
        case .metaspace(let mark, let dropsFirst): text = Self.replaced(text, mark, state.isFirst && dropsFirst ? [] : [0x20])
        case .wordPiece(let prefix, let cleansUp):
            if !state.isFirst { if text.starts(with: prefix) { text.removeFirst(prefix.count) } else { text.insert(0x20, at: 0) } }
            if cleansUp { text = Self.cleanedUp(text) }
        case .spaced: if !state.isFirst { text.insert(0x20, at: 0) }
        case .wordEnd(let mark): text = Self.replaced(text, mark, isLast ? [] : [0x20])
        case .sentencePiece(let leading):
            let mark = SentencePieceNormalizer.mark
            if state.expectsLeadingSpace, leading != .kept, text.starts(with: mark) {
                text.removeFirst(mark.count)
                if leading == .droppedOnce { state.expectsLeadingSpace = false }
            }
            text = Self.replaced(text, mark, [0x20])
        }
    }

    private func dropLeading(from first: Int, _ state: inout State, _ output: inout [UInt8]) {
        var left = state.leadingLeft ?? leading.count
        while left > 0, output.count > first {
            guard output[first...].starts(with: leading.character) else {
                left = 0
                break
            }
            output.removeSubrange(first..<first + leading.character.count)
            left -= 1
        }
        state.leadingLeft = left
    }

    static func replaced(_ text: [UInt8], _ old: [UInt8], _ new: [UInt8]) -> [UInt8] {
        guard let first = old.first, text.count >= old.count, text.contains(first) else { return text }
        var result: [UInt8] = []
        var at = 0
        while at < text.count {
            if text[at...].starts(with: old) {
                result += new
                at += old.count
            } else {
                result.append(text[at])
                at += 1
            }
        }
        return result
    }

    /// English as it is written: no space before punctuation and contractions.
    private static let cleanups: [([UInt8], [UInt8])] = [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"),
        (" 've", "'ve"), (" 're", "'re"),
    ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

    private static func cleanedUp(_ text: [UInt8]) -> [UInt8] {
        guard text.contains(0x20) else { return text }
        return cleanups.reduce(text) { replaced($0, $1.0, $1.1) }
    }
}
