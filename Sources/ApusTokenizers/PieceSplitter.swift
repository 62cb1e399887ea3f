/// Runs a `PreTokenizer` over text. Holds the scratch memory of one call, so a value belongs to one thread at a time.
struct PieceSplitter {
    typealias Position = UnsafePointer<UInt8>

    private let stages: [PreTokenizer.Stage]
    private var matchers: [PatternMatcher?]
    private let text = TextClassifier()

    init(_ preTokenizer: PreTokenizer) {
        stages = preTokenizer.stages
        matchers = stages.map { stage in
            switch stage {
            case .words: nil
            case .pattern(let program, _, _), .alphabetPattern(let program, _, _): PatternMatcher(program)
            }
        }
    }

    /// The only stage, when it is a scanner that the caller can run piece by piece.
    var onlyScanner: WordScanner? {
        guard stages.count == 1, case .words(let scanner) = stages[0] else { return nil }
        return scanner
    }

    /// The pieces of a text, in order.
    mutating func pieces(of whole: Range<Position>) -> [Range<Position>] {
        var pieces = whole.isEmpty ? [] : [whole]
        for index in stages.indices {
            var refined: [Range<Position>] = []
            refined.reserveCapacity(pieces.count * 2)
            for piece in pieces {
                switch stages[index] {
                case .words(let scanner): split(piece, scanner, into: &refined)
                case .pattern(_, let behavior, let inverted): split(piece, index, behavior, inverted, into: &refined)
                case .alphabetPattern(_, let behavior, let inverted): splitSpelled(piece, index, behavior, inverted, into: &refined)
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
        func add(_ part: Range<Position>, isDelimiter: Bool) {
            guard !part.isEmpty else { return }
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
                pieces.append(part)
            }
            lastWasDelimiter = isDelimiter
        }
        var p = piece.lowerBound
        while let match = matchers[index]!.find(from: p, in: piece.lowerBound, piece.upperBound) {
            add(p..<match.lowerBound, isDelimiter: inverted)
            add(match, isDelimiter: !inverted)
            p = match.upperBound
        }
        add(p..<piece.upperBound, isDelimiter: inverted)
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
}
