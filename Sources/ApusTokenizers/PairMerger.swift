/// Applies merges to one piece at a time: always the merge of lowest rank, of equal ones the leftmost (Sennrich et al. 2016).
///
/// Short pieces are merged in place; long ones by a heap over a linked list, so that n bytes take O(n log n) steps.
final class PairMerger {
    private static let longestInPlace = 48
    /// Longer pieces are cut at this length, so that positions fit 32 bits.
    static let longestPiece = 1 << 30

    // One thread owns the merger, so exclusive access needs no check at run time.
    @exclusivity(unchecked) private(set) var tokens: UnsafeMutablePointer<UInt32>
    @exclusivity(unchecked) private var merges: UnsafeMutablePointer<UInt64>
    @exclusivity(unchecked) private var previous: UnsafeMutablePointer<Int32>
    @exclusivity(unchecked) private var next: UnsafeMutablePointer<Int32>
    @exclusivity(unchecked) private var capacity = 64
    @exclusivity(unchecked) private var heap = MergeHeap()
    private let table: MergeTable
    private let dropout: MergeDropout?
    /// Merges passed over since the last that was done.
    @exclusivity(unchecked) private var passedOver: [UInt64] = []

    init(_ table: MergeTable, dropout: MergeDropout? = nil) {
        self.table = table
        self.dropout = dropout
        tokens = .allocate(capacity: capacity)
        merges = .allocate(capacity: capacity)
        previous = .allocate(capacity: capacity)
        next = .allocate(capacity: capacity)
    }

    deinit {
        tokens.deallocate()
        merges.deallocate()
        previous.deallocate()
        next.deallocate()
    }

    /// Makes room for `count` tokens to be written to `tokens`.
    func reserve(_ count: Int) {
        guard count > capacity else { return }
        tokens.deallocate()
        merges.deallocate()
        previous.deallocate()
        next.deallocate()
        capacity = count
        tokens = .allocate(capacity: count)
        merges = .allocate(capacity: count)
        previous = .allocate(capacity: count)
        next = .allocate(capacity: count)
    }

    /// Merges the first `count` of `tokens`; the result takes their place. Returns how many are left.
    func merge(_ count: Int) -> Int {
        if count <= 1 { return count }
        return count <= Self.longestInPlace && dropout == nil ? mergeInPlace(count) : mergeByHeap(count)
    }

    private func mergeInPlace(_ count: Int) -> Int {
        let (tokens, merges) = (tokens, merges)
        var count = count
        for i in 0..<count - 1 { merges[i] = table.merge(tokens[i], tokens[i + 1]) }
        while count > 1 {
            var lowest = MergeTable.none
            var at = -1
            // Ranks alone are compared: of equal ones the leftmost counts.
            for i in 0..<count - 1 where merges[i] < lowest {
                lowest = merges[i] & ~0xFFFF_FFFF
                at = i
            }
            if at < 0 { break }
            tokens[at] = UInt32(truncatingIfNeeded: merges[at])
            for i in at + 1..<count - 1 {
                tokens[i] = tokens[i + 1]
                merges[i] = merges[i + 1]
            }
            count -= 1
            if at > 0 { merges[at - 1] = table.merge(tokens[at - 1], tokens[at]) }
            if at + 1 < count { merges[at] = table.merge(tokens[at], tokens[at + 1]) }
        }
        return count
    }

    private func mergeByHeap(_ count: Int) -> Int {
        heap.removeAll()
        passedOver.removeAll(keepingCapacity: true)
        for i in 0..<count {
            previous[i] = Int32(i) - 1
            next[i] = i + 1 < count ? Int32(i) + 1 : -1
            merges[i] = i + 1 < count ? table.merge(tokens[i], tokens[i + 1]) : MergeTable.none
            if merges[i] != MergeTable.none { heap.append(merges[i] & ~0xFFFF_FFFF | UInt64(i)) }
        }
        heap.order()
        while let entry = heap.removeFirst() {
            let at = Int(entry & 0xFFFF_FFFF)
            // An entry is stale once its pair was changed by a merge beside it.
            guard merges[at] != MergeTable.none, merges[at] >> 32 == entry >> 32 else { continue }
            if let dropout {
                guard !dropout.passesOver() else {
                    passedOver.append(entry)
                    continue
                }
                for entry in passedOver { heap.insert(entry) }
                passedOver.removeAll(keepingCapacity: true)
            }
            let gone = Int(next[at])
            tokens[at] = UInt32(truncatingIfNeeded: merges[at])
            merges[gone] = MergeTable.none
            next[at] = next[gone]
            if next[gone] >= 0 { previous[Int(next[gone])] = Int32(at) }
            update(at)
            if previous[at] >= 0 { update(Int(previous[at])) }
        }
        var kept = 0
        var i = 0
        while i >= 0 {
            tokens[kept] = tokens[i]
            kept += 1
            i = Int(next[i])
        }
        return kept
    }

    private func update(_ at: Int) {
        merges[at] = next[at] >= 0 ? table.merge(tokens[at], tokens[Int(next[at])]) : MergeTable.none
        if merges[at] != MergeTable.none { heap.insert(merges[at] & ~0xFFFF_FFFF | UInt64(at)) }
    }
}

/// A binary heap, the smallest entry first.
private struct MergeHeap {
    private var entries: [UInt64] = []

    mutating func removeAll() { entries.removeAll(keepingCapacity: true) }
    mutating func append(_ entry: UInt64) { entries.append(entry) }

    /// Makes a heap of what was appended, in linear time.
    mutating func order() {
        for i in stride(from: entries.count / 2 - 1, through: 0, by: -1) { siftDown(i) }
    }

    mutating func insert(_ entry: UInt64) {
        entries.append(entry)
        entries.withUnsafeMutableBufferPointer { entries in
            var i = entries.count - 1
            while i > 0, entries[(i - 1) / 2] > entry {
                entries[i] = entries[(i - 1) / 2]
                i = (i - 1) / 2
            }
            entries[i] = entry
        }
    }

    mutating func removeFirst() -> UInt64? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        if !entries.isEmpty {
            entries[0] = last
            siftDown(0)
        }
        return first
    }

    private mutating func siftDown(_ start: Int) {
        entries.withUnsafeMutableBufferPointer { entries in
            var i = start
            let entry = entries[i]
            while 2 * i + 1 < entries.count {
                var child = 2 * i + 1
                if child + 1 < entries.count, entries[child + 1] < entries[child] { child += 1 }
                if entries[child] >= entry { break }
                entries[i] = entries[child]
                i = child
            }
            entries[i] = entry
        }
    }
}
