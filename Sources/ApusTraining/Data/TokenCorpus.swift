import ApusBase

/// Data sets one after the other, as one row of tokens in documents.
final class TokenCorpus: Sendable {
    let parts: [IndexedDataset]
    /// The first token of each part, and the end.
    private let starts: [Int]
    let vocabularySize: Int
    /// Ids below 0 stand for tokens that do not count: ~id.
    let isSigned: Bool

    init(_ parts: [IndexedDataset], vocabularySize: Int, isSigned: Bool = false) {
        self.parts = parts
        self.vocabularySize = vocabularySize
        self.isSigned = isSigned
        starts = parts.reduce(into: [0]) { $0.append($0.last! + $1.count) }
    }

    /// Tokens of all parts.
    var count: Int { starts.last! }
    var documents: Int { parts.reduce(0) { $0 + $1.documents } }
    var subject: String { parts.map(\.subject).joined(separator: ", ") }

    /// The ids of a range, and the ranges of it that are documents or parts of them.
    func read(_ range: Range<Int>) throws(InputError) -> (ids: [Int32], documents: [Range<Int>]) {
        var ids: [Int32] = [], cuts: [Int] = [0]
        ids.reserveCapacity(range.count)
        for (part, start) in zip(parts, starts) {
            let low = max(range.lowerBound - start, 0), high = min(range.upperBound - start, part.count)
            guard low < high else { continue }
            let read = try part.read(low..<high)
            try check(read.ids, of: part, from: low)
            cuts += [ids.count] + read.beginnings.map { $0 + ids.count }
            ids += read.ids
        }
        cuts.append(ids.count)
        cuts.sort()
        return (ids, zip(cuts, cuts.dropFirst()).filter { $0 < $1 }.map { $0..<$1 })
    }

    private func check(_ ids: [Int32], of part: IndexedDataset, from token: Int) throws(InputError) {
        let limit = Int32(vocabularySize), lowest = isSigned ? ~(limit - 1) : 0
        guard let index = ids.firstIndex(where: { $0 >= limit || $0 < lowest }) else { return }
        throw part.error(ofID: ids[index], at: token + index, vocabularySize: vocabularySize)
    }

    /// How many have more than so many tokens.
    func documents(longerThan length: Int) throws(InputError) -> Int {
        var count = 0
        try forEachDocument { if $0.count > length { count += 1 } }
        return count
    }

    /// Calls `body` with the range of each document that holds tokens, in order.
    func forEachDocument(_ body: (Range<Int>) -> Void) throws(InputError) {
        for (part, start) in zip(parts, starts) {
            var open: Int?
            try part.forEachEntry(from: 0) { (entry) throws(InputError) in
                if entry.beginsDocument {
                    if let open, open < start + entry.start { body(open..<start + entry.start) }
                    open = start + entry.start
                }
                return true
            }
            if let open, open < start + part.count { body(open..<start + part.count) }
        }
    }
}
