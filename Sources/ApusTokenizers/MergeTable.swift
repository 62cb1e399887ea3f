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
        (slots, mask) = Self.table(merges.count)
        try insertAll(merges, vocabulary, subject)
    }

    /// The merges that scores stand for: any two texts that joined are a token, the highest score first, equal scores being equal ranks.
    ///
    /// - Parameter isText: whether text may become this token.
    /// - Returns: with the merges the characters that are no tokens but parts of one, with ids behind the vocabulary's.
    static func byScores(
        _ scores: [Double], _ vocabulary: Vocabulary, subject: String, where isText: (Int) -> Bool
    ) throws(InputError) -> (merges: MergeTable, strangers: [[UInt8]: UInt32]) {
        guard scores.count == vocabulary.count else {
            throw InputError(subject, "\(scores.count) scores for \(vocabulary.count) tokens; there must be one each")
        }
        guard !scores.contains(where: { !$0.isFinite }) else { throw InputError(subject, "a token's score must be a finite number") }
        let ranks = ranks(scores)
        var strangers: [[UInt8]: UInt32] = [:]
        func id(_ p: UnsafePointer<UInt8>, _ count: Int) -> UInt32? {
            if let id = vocabulary.id(p, count), isText(id) { return UInt32(id) }
            guard isCharacter(p, count) else { return nil }
            let text = Array(UnsafeBufferPointer(start: p, count: count))
            if let known = strangers[text] { return known }
            strangers[text] = UInt32(vocabulary.count + strangers.count)
            return strangers[text]
        }
        func isCharacter(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
            count <= 4 && UTF8Scanning.scalar(p, p + count).length == count
        }
        func canBe(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
            if isCharacter(p, count) { return true }
            guard let id = vocabulary.id(p, count) else { return false }
            return isText(id)
        }
        // A part must have a token's length, of which there are few: long texts are not looked up byte by byte.
        var lengths = Array(repeating: false, count: (0..<vocabulary.count).reduce(4) { max($0, vocabulary.text($1).count) } + 1)
        for id in 0..<vocabulary.count { lengths[vocabulary.text(id).count] = true }
        for length in 1...4 { lengths[length] = true }
        var found: [(pair: UInt64, merge: Merge)] = []
        found.reserveCapacity(2 * vocabulary.count)
        for whole in 0..<vocabulary.count where isText(whole) {
            let text = vocabulary.text(whole)
            guard let base = text.baseAddress else { continue }
            let end = base + text.count
            var middle = base + UTF8Scanning.scalar(base, end).length
            while middle < end {
                if lengths[middle - base], lengths[end - middle], canBe(base, middle - base), canBe(middle, end - middle), let left = id(base, middle - base),
                    let right = id(middle, end - middle)
                {
                    found.append((UInt64(left) << 32 | UInt64(right), UInt64(ranks[whole]) << 32 | UInt64(whole)))
                }
                middle += UTF8Scanning.scalar(middle, end).length
            }
        }
        let table = MergeTable(capacityFor: found.count)
        for (pair, merge) in found { table.insert(pair, merge) }
        return (table, strangers)
    }

    private static func ranks(_ scores: [Double]) -> [UInt32] {
        let order = scores.indices.sorted { scores[$0] > scores[$1] }
        var ranks = Array(repeating: UInt32(0), count: scores.count)
        var rank: UInt32 = 0
        for (place, id) in order.enumerated() {
            if place > 0, scores[id] != scores[order[place - 1]] { rank += 1 }
            ranks[id] = rank
        }
        return ranks
    }

    private init(capacityFor count: Int) {
        (slots, mask) = Self.table(count)
    }

    private static func table(_ count: Int) -> (UnsafeMutablePointer<Slot>, mask: Int) {
        var capacity = 64
        while capacity < count + count / 2 { capacity *= 2 }
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
        slots.initialize(repeating: Slot(pair: free, merge: none), count: capacity)
        return (slots, capacity - 1)
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
