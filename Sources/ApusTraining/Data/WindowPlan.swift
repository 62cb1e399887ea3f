import ApusBase

/// How a corpus is cut into the stretches of tokens that become sequences.
enum WindowPlan: Sendable {
    /// Stretch w begins at token w · `stride` and has `stride` tokens and the one behind them; what remains is dropped.
    case windows(stride: Int, count: Int)
    /// Stretches by their first token and their length, 8 bytes each.
    case table([UInt64])

    /// Bits for a length in a table.
    private static let lengthBits: UInt64 = 25

    /// Cuts without regard to documents.
    static func windows(of corpus: TokenCorpus, stride: Int) -> WindowPlan {
        .windows(stride: stride, count: max(corpus.count - 1, 0) / stride)
    }

    /// A document a stretch; a longer one than `stride` tokens and the one behind them goes on in the next, from its last token on.
    static func documents(of corpus: TokenCorpus, stride: Int) throws(InputError) -> (plan: WindowPlan, split: Int) {
        var table: [UInt64] = [], split = 0
        try corpus.forEachDocument { document in
            if document.count > stride + 1 { split += 1 }
            var start = document.lowerBound
            repeat {
                let end = min(start + stride + 1, document.upperBound)
                if end - start > 1 { table.append(entry(start..<end)) }
                start += stride
            } while start + 1 < document.upperBound
        }
        return (.table(table), split)
    }

    /// As many whole documents a stretch as fit; of a longer one its beginning.
    /// - Returns: also how many documents are cut, and how many of them have no token that counts before the cut.
    static func wholeDocuments(
        of corpus: TokenCorpus, stride: Int, packs: Bool
    ) throws(InputError) -> (plan: WindowPlan, cut: Int, lost: Int) {
        var table: [UInt64] = [], open: Range<Int>?, cut: [Int] = []
        try corpus.forEachDocument { document in
            // The last token of a document is no input.
            if document.count > stride + 1 { cut.append(document.lowerBound) }
            if packs, let present = open, present.upperBound == document.lowerBound, document.upperBound - present.lowerBound <= stride + 1 {
                open = present.lowerBound..<document.upperBound
            } else {
                if let open { table.append(entry(open)) }
                open = document.lowerBound..<min(document.upperBound, document.lowerBound + stride + 1)
            }
        }
        if let open { table.append(entry(open)) }
        var lost = 0
        // The first token of a document is never predicted.
        for start in cut where try !corpus.read(start + 1..<start + stride + 1).ids.contains(where: { $0 >= 0 }) { lost += 1 }
        return (.table(table), cut.count, lost)
    }

    private static func entry(_ range: Range<Int>) -> UInt64 { UInt64(range.lowerBound) << lengthBits | UInt64(range.count) }

    var count: Int {
        switch self {
        case .windows(_, let count): count
        case .table(let entries): entries.count
        }
    }

    /// The tokens of a stretch.
    subscript(index: Int) -> Range<Int> {
        switch self {
        case .windows(let stride, _): return index * stride..<(index + 1) * stride + 1
        case .table(let entries):
            let start = Int(entries[index] >> Self.lengthBits), length = Int(entries[index] & (1 << Self.lengthBits - 1))
            return start..<start + length
        }
    }
}
