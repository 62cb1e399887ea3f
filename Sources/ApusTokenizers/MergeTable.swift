import ApusBase

/// The merges of a byte-pair encoding by the pair of ids that they join. Immutable after its initialiser.
final class MergeTable: @unchecked Sendable {
    /// Rank in the upper half, id of the joined token in the lower: the smallest value is the merge to do first.
    typealias Merge = UInt64
    static let none = Merge.max

    private struct Slot {
        var pair: UInt64
        var merge: Merge
    }

    private let slots: UnsafeMutablePointer<Slot>
    private let mask: Int
    private let hashing = Hashing()
    private static let free = UInt64.max

    /// - Parameter merges: "left right" by rank, in the texts of the vocabulary.
    /// - Throws: `InputError` that names the merge which is malformed or makes no token.
    init(_ merges: StringTable, _ vocabulary: Vocabulary, subject: String) throws(InputError) {
        var capacity = 64
        while capacity < merges.count * 2 { capacity *= 2 }
        mask = capacity - 1
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: Slot(pair: Self.free, merge: Self.none), count: capacity)
        try insertAll(merges, vocabulary, subject)
    }

    deinit { slots.deallocate() }

    private func insertAll(_ merges: StringTable, _ vocabulary: Vocabulary, _ subject: String) throws(InputError) {
        var joined: [UInt8] = []
        // Trainers number new tokens in the order of the merges, so the next id is the likeliest.
        var guess = 0
        for rank in 0..<merges.count {
            let found: (left: Int, right: Int, joined: Int)? = merges[rank].withUnsafeBufferPointer { merge in
                guard merge.count >= 3, let space = merge[1...].firstIndex(of: 0x20), space + 1 < merge.count else { return nil }
                let base = merge.baseAddress!
                joined.removeAll(keepingCapacity: true)
                joined.append(contentsOf: merge[..<space])
                joined.append(contentsOf: merge[(space + 1)...])
                guard let left = vocabulary.id(base, space), let right = vocabulary.id(base + space + 1, merge.count - space - 1)
                else { return nil }
                return joined.withUnsafeBufferPointer { whole in
                    let isGuess = guess < vocabulary.count && vocabulary.has(guess, whole.baseAddress!, whole.count)
                    return (isGuess ? guess : vocabulary.id(whole.baseAddress!, whole.count)).map { (left, right, $0) }
                }
            }
            guard let found else {
                throw InputError(
                    subject, at: "merge \(rank)",
                    "\"\(merges.string(rank))\" must be two tokens with a space between, which joined are a token as well")
            }
            guess = found.joined + 1
            insert(UInt64(found.left) << 32 | UInt64(found.right), UInt64(rank) << 32 | UInt64(found.joined))
        }
    }

    /// The first merge of a pair counts.
    private func insert(_ pair: UInt64, _ merge: Merge) {
        var slot = Int(truncatingIfNeeded: hashing.hash(pair)) & mask
        while slots[slot].pair != Self.free {
            if slots[slot].pair == pair { return }
            slot = (slot + 1) & mask
        }
        slots[slot] = Slot(pair: pair, merge: merge)
    }

    /// The merge of two neighbours, or `none`.
    @inline(__always) func merge(_ left: UInt32, _ right: UInt32) -> Merge {
        let pair = UInt64(left) << 32 | UInt64(right)
        var slot = Int(truncatingIfNeeded: hashing.hash(pair)) & mask
        while true {
            let found = slots[slot]
            if found.pair == pair { return found.merge }
            if found.pair == Self.free { return Self.none }
            slot = (slot + 1) & mask
        }
    }
}
