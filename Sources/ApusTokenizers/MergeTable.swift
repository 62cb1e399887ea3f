import ApusBase
import Glibc

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
        while capacity < merges.count + merges.count / 2 { capacity *= 2 }
        mask = capacity - 1
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: Slot(pair: Self.free, merge: Self.none), count: capacity)
        try insertAll(merges, vocabulary, subject)
    }

    deinit { slots.deallocate() }

    private func insertAll(_ merges: StringTable, _ vocabulary: Vocabulary, _ subject: String) throws(InputError) {
        let failed = merges.bytes.withUnsafeBufferPointer { bytes in
            merges.offsets.withUnsafeBufferPointer { offsets -> Int? in
                // Trainers number new tokens in the order of the merges, so the next id is the likeliest.
                var guess = 0
                var joined: [UInt8] = []
                for rank in 0..<merges.count {
                    let text = UnsafeBufferPointer(rebasing: bytes[offsets[rank]..<offsets[rank + 1]])
                    guard let (pair, whole) = Self.resolve(text, guess, vocabulary, &joined) else { return rank }
                    guess = whole + 1
                    insert(pair, UInt64(rank) << 32 | UInt64(whole))
                }
                return nil
            }
        }
        if let failed {
            throw InputError(
                subject, at: "merge \(failed)",
                "\"\(merges.string(failed))\" must be two tokens with a space between, which joined are a token as well")
        }
    }

    /// The ids of "left right", the first in the upper half, and of the two joined.
    private static func resolve(
        _ text: UnsafeBufferPointer<UInt8>, _ guess: Int, _ vocabulary: Vocabulary, _ joined: inout [UInt8]
    ) -> (pair: UInt64, whole: Int)? {
        guard text.count >= 3, let base = text.baseAddress,
            let found = memchr(base + 1, 0x20, text.count - 2)
        else { return nil }
        let leftCount = UnsafeRawPointer(found) - UnsafeRawPointer(base)
        let rightCount = text.count - leftCount - 1
        let right = base + leftCount + 1
        guard let leftID = vocabulary.id(base, leftCount), let rightID = vocabulary.id(right, rightCount) else { return nil }
        let pair = UInt64(leftID) << 32 | UInt64(rightID)
        if vocabulary.has(guess, base, leftCount, right, rightCount) { return (pair, guess) }
        joined.removeAll(keepingCapacity: true)
        joined.append(contentsOf: UnsafeBufferPointer(start: base, count: leftCount))
        joined.append(contentsOf: UnsafeBufferPointer(start: right, count: rightCount))
        return joined.withUnsafeBufferPointer { vocabulary.id($0.baseAddress!, $0.count) }.map { (pair, $0) }
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
