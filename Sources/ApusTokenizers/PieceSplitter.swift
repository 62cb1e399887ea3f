/// Runs a `PreTokenizer` over text. Holds the scratch memory of one call, so a value belongs to one thread at a time.
struct PieceSplitter {
    typealias Position = UnsafePointer<UInt8>

    private let stages: [PreTokenizer.Stage]
    private var matchers: [PatternMatcher?]
    private let text = TextClassifier()
    private let addsPrefixSpace: Bool
    /// Text with marks for spaces, for as long as its pieces are used.
    private var rewritten: [Rewritten] = []

    private final class Rewritten {
        let bytes: UnsafeMutablePointer<UInt8>
        init(capacity: Int) { bytes = .allocate(capacity: max(1, capacity)) }
        deinit { bytes.deallocate() }
    }

    init(_ preTokenizer: PreTokenizer) {
        stages = preTokenizer.stages
        addsPrefixSpace = preTokenizer.addsPrefixSpace
        matchers = stages.map { stage in
            switch stage {
            case .words, .metaspace, .bert, .whitespace: nil
            case .pattern(let program, _, _), .alphabetPattern(let program, _, _): PatternMatcher(program)
            }
        }
    }

    /// The only stage, when it is a scanner that the caller can run piece by piece.
    var onlyScanner: WordScanner? {
        guard stages.count == 1, case .words(let scanner) = stages[0] else { return nil }
        return scanner
    }

    /// Calls `body` with the pieces of a text, in order, and the end of the memory they lie in; both are valid during the call.
    ///
    /// - Parameter isFirst: whether the text is the beginning of what is encoded.
    mutating func forEachPiece(of whole: Range<Position>, isFirst: Bool, _ body: (Range<Position>, Position) -> Void) {
        guard addsPrefixSpace, !whole.isEmpty, whole.lowerBound[0] != UInt8(ascii: " ") else {
            return forEach(whole, isFirst, body)
        }
        let spaced = [UInt8(ascii: " ")] + UnsafeBufferPointer(start: whole.lowerBound, count: whole.count)
        spaced.withUnsafeBufferPointer { forEach($0.baseAddress!..<$0.baseAddress! + $0.count, isFirst, body) }
    }

    private mutating func forEach(_ whole: Range<Position>, _ isFirst: Bool, _ body: (Range<Position>, Position) -> Void) {
        guard !whole.isEmpty else { return }
        if stages.isEmpty { return body(whole, whole.upperBound) }
        let pieces = pieces(of: whole, isFirst: isFirst)
        // All of them lie in one stretch of memory, in order.
        if let last = pieces.last { for piece in pieces { body(piece, last.upperBound) } }
        rewritten = []
    }

    /// The pieces of a text, in order. They lie in the text, or in memory that lives until the next call.
    mutating func pieces(of whole: Range<Position>, isFirst: Bool = true) -> [Range<Position>] {
        var pieces = whole.isEmpty ? [] : [whole]
        for index in stages.indices {
            var refined: [Range<Position>] = []
            refined.reserveCapacity(pieces.count * 2)
            if case .metaspace(let metaspace) = stages[index] {
                mark(pieces, metaspace, isFirst && pieces.first?.lowerBound == whole.lowerBound, into: &refined)
                pieces = refined
                continue
            }
            for piece in pieces {
                switch stages[index] {
                case .words(let scanner): split(piece, scanner, into: &refined)
                case .bert: splitBert(piece, into: &refined)
                case .whitespace: splitAtWhitespace(piece, into: &refined)
                case .pattern(_, let behavior, let inverted): split(piece, index, behavior, inverted, into: &refined)
                case .alphabetPattern(_, let behavior, let inverted): splitSpelled(piece, index, behavior, inverted, into: &refined)
                case .metaspace: break
                }
            }
            pieces = refined
        }
        return pieces
    }

    private func split(_ piece: Range<Position>, _ scanner: WordScanner, into pieces: inout [Range<Position>]) {
        var p = piece.lowerBound
        while p < piece.upperBound {
            let next = scanner.pieceEnd(p, piece.upperBound, text)
            pieces.append(p..<next)
            p = next
        }
    }

    private mutating func split(
        _ piece: Range<Position>, _ index: Int, _ behavior: PreTokenizer.Behavior, _ inverted: Bool, into pieces: inout [Range<Position>]
    ) {
        let first = pieces.count
        var lastWasDelimiter: Bool?
        // An empty piece stays only for as long as the next part can join it.
        func dropEmpty() {
            if pieces.count > first, pieces[pieces.count - 1].isEmpty { pieces.removeLast() }
        }
        func add(_ part: Range<Position>, isDelimiter: Bool) {
            let joins: Bool
            switch behavior {
            case .isolated: joins = false
            case .contiguous: joins = lastWasDelimiter == isDelimiter
            case .mergedWithPrevious: joins = isDelimiter && lastWasDelimiter == false
            case .mergedWithNext: joins = !isDelimiter && lastWasDelimiter == true
            case .removed:
                if isDelimiter { return }
                joins = false
            }
            if joins, pieces.count > first {
                pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<part.upperBound
            } else {
                dropEmpty()
                pieces.append(part)
            }
            lastWasDelimiter = isDelimiter
        }
        var p = piece.lowerBound
        var last: Range<Position>?
        while let match = matchers[index]!.find(after: last, in: piece.lowerBound, piece.upperBound) {
            if p < match.lowerBound { add(p..<match.lowerBound, isDelimiter: inverted) }
            add(match, isDelimiter: !inverted)
            p = match.upperBound
            last = match
        }
        if p < piece.upperBound { add(p..<piece.upperBound, isDelimiter: inverted) }
        dropEmpty()
    }

    /// Splits the piece where the pattern splits its spelling in the alphabet for bytes, a code point for each byte.
    private mutating func splitSpelled(
        _ piece: Range<Position>, _ index: Int, _ behavior: PreTokenizer.Behavior, _ inverted: Bool, into pieces: inout [Range<Position>]
    ) {
        var spelling: [UInt8] = []
        for byte in UnsafeBufferPointer(start: piece.lowerBound, count: piece.count) { ByteAlphabet.append(byte, to: &spelling) }
        var p = piece.lowerBound
        spelling.withUnsafeBufferPointer { buffer in
            let start = buffer.baseAddress!
            var parts: [Range<Position>] = []
            split(start..<start + buffer.count, index, behavior, inverted, into: &parts)
            var at = start
            func advance(to stop: Position) {
                while at < stop {
                    at += at[0] < 0x80 ? 1 : 2
                    p += 1
                }
            }
            for part in parts {
                advance(to: part.lowerBound)
                let low = p
                advance(to: part.upperBound)
                pieces.append(low..<p)
            }
        }
    }

    // MARK: Metaspace

    /// Writes the pieces anew with marks for spaces, and splits them before each mark.
    private mutating func mark(
        _ old: [Range<Position>], _ metaspace: PreTokenizer.Metaspace, _ startsText: Bool, into pieces: inout [Range<Position>]
    ) {
        let mark = metaspace.mark
        var capacity = 0
        for piece in old {
            capacity += piece.count + mark.count
            for p in piece.lowerBound..<piece.upperBound where p[0] == 0x20 { capacity += mark.count }
        }
        let buffer = Rewritten(capacity: capacity)
        rewritten.append(buffer)
        var q = buffer.bytes
        func write(_ bytes: [UInt8]) {
            for byte in bytes {
                q[0] = byte
                q += 1
            }
        }
        for (index, piece) in old.enumerated() {
            let start = q
            let prepends =
                metaspace.prepending == .always || metaspace.prepending == .first && index == 0 && startsText
            if prepends, piece.lowerBound[0] != 0x20, !starts(piece, with: mark) { write(mark) }
            for p in piece.lowerBound..<piece.upperBound {
                if p[0] == 0x20 {
                    write(mark)
                } else {
                    q[0] = p[0]
                    q += 1
                }
            }
            let whole = Position(start)..<Position(q)
            if metaspace.splits { split(whole, before: mark, into: &pieces) } else { pieces.append(whole) }
        }
    }

    private func starts(_ piece: Range<Position>, with mark: [UInt8]) -> Bool {
        piece.count >= mark.count && (0..<mark.count).allSatisfy { piece.lowerBound[$0] == mark[$0] }
    }

    private func split(_ piece: Range<Position>, before mark: [UInt8], into pieces: inout [Range<Position>]) {
        var start = piece.lowerBound
        var p = start
        while p < piece.upperBound {
            if p > start, p[0] == mark[0], starts(p..<piece.upperBound, with: mark) {
                pieces.append(start..<p)
                start = p
            }
            p += 1
        }
        if start < piece.upperBound { pieces.append(start..<piece.upperBound) }
    }

    // MARK: Without patterns

    private func splitAtWhitespace(_ piece: Range<Position>, into pieces: inout [Range<Position>]) {
        enum Kind { case space, word, other }
        var start = piece.lowerBound
        var last = Kind.space
        var p = start
        while p < piece.upperBound {
            let scalar = UTF8Scanning.scalar(p, piece.upperBound)
            let isSpace = CategorySet.whiteSpace.has(UnicodeCategories.shared.category(scalar.value))
            let kind = isSpace ? Kind.space : TextClasses.shared.has(scalar.value, .word) ? .word : .other
            if kind != last {
                if last != .space { pieces.append(start..<p) }
                (start, last) = (p, kind)
            }
            p += scalar.length
        }
        if last != .space { pieces.append(start..<p) }
    }

    private func splitBert(_ piece: Range<Position>, into pieces: inout [Range<Position>]) {
        var start = piece.lowerBound
        var p = start
        func close() { if start < p { pieces.append(start..<p) } }
        while p < piece.upperBound {
            let scalar = UTF8Scanning.scalar(p, piece.upperBound)
            let isSpace = CategorySet.whiteSpace.has(UnicodeCategories.shared.category(scalar.value))
            if isSpace || TextClasses.shared.has(scalar.value, .bertPunctuation) {
                close()
                if !isSpace { pieces.append(p..<p + scalar.length) }
                start = p + scalar.length
            }
            p += scalar.length
        }
        close()
    }
}
