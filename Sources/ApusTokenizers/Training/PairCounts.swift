/// How often each pair of ids stands beside each other, and the words in which a pair has newly arisen. It belongs to one thread.
final class PairCounts {
    private struct Slot {
        var pair: UInt64
        var count: Int
        /// The first of the linked words in which the pair has arisen since it was last taken up, or -1.
        var words: Int32
    }

    private struct Link {
        var word: UInt32
        var next: Int32
    }

    @exclusivity(unchecked) private var slots: UnsafeMutablePointer<Slot>
    @exclusivity(unchecked) private var mask: Int
    @exclusivity(unchecked) private var used = 0
    @exclusivity(unchecked) private var links: UnsafeMutablePointer<Link>
    @exclusivity(unchecked) private var linkCapacity = 1 << 14
    @exclusivity(unchecked) private var linkCount = 0
    @exclusivity(unchecked) private var freeLink: Int32 = -1
    @exclusivity(unchecked) private var arisen: [UInt64] = []
    private let hashing = Hashing()
    private static let free = UInt64.max

    init() {
        (slots, mask) = Self.table(1 << 16)
        links = .allocate(capacity: linkCapacity)
    }

    deinit {
        slots.deallocate()
        links.deallocate()
    }

    private static func table(_ capacity: Int) -> (UnsafeMutablePointer<Slot>, mask: Int) {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
        slots.initialize(repeating: Slot(pair: free, count: 0, words: -1), count: capacity)
        return (slots, capacity - 1)
    }

    @inline(__always)
    static func pair(_ left: UInt32, _ right: UInt32) -> UInt64 { UInt64(left) << 32 | UInt64(right) }

    @inline(__always)
    private func slot(_ pair: UInt64) -> Int {
        var slot = Int(truncatingIfNeeded: hashing.hash(pair)) & mask
        while slots[slot].pair != pair, slots[slot].pair != Self.free { slot = (slot + 1) & mask }
        return slot
    }

    func count(_ pair: UInt64) -> Int { slots[slot(pair)].count }

    /// Changes the count of a pair by what a word has lost.
    @inline(__always)
    func subtract(_ count: Int, _ pair: UInt64) { slots[claimed(pair)].count -= count }

    /// Changes the count of a pair by what a word has gained, and notes the word.
    @inline(__always)
    func add(_ count: Int, _ pair: UInt64, in word: UInt32) {
        let slot = claimed(pair)
        slots[slot].count += count
        let first = slots[slot].words
        if first < 0 { arisen.append(pair) } else if links[Int(first)].word == word { return }
        slots[slot].words = link(word, first)
    }

    @inline(__always)
    private func claimed(_ pair: UInt64) -> Int {
        let slot = slot(pair)
        return slots[slot].pair == Self.free ? claim(pair, slot) : slot
    }

    @inline(never)
    private func claim(_ pair: UInt64, _ slot: Int) -> Int {
        used += 1
        guard used * 3 > mask * 2 else {
            slots[slot].pair = pair
            return slot
        }
        let (old, capacity) = (slots, mask + 1)
        (slots, mask) = Self.table(2 * capacity)
        for i in 0..<capacity where old[i].pair != Self.free { slots[self.slot(old[i].pair)] = old[i] }
        old.deallocate()
        let slot = self.slot(pair)
        slots[slot].pair = pair
        return slot
    }

    @inline(__always)
    private func link(_ word: UInt32, _ next: Int32) -> Int32 {
        if freeLink >= 0 {
            let link = freeLink
            freeLink = links[Int(link)].next
            links[Int(link)] = Link(word: word, next: next)
            return link
        }
        if linkCount == linkCapacity {
            let larger = UnsafeMutablePointer<Link>.allocate(capacity: 2 * linkCapacity)
            larger.update(from: links, count: linkCount)
            links.deallocate()
            links = larger
            linkCapacity *= 2
        }
        links[linkCount] = Link(word: word, next: next)
        linkCount += 1
        return Int32(linkCount - 1)
    }

    /// Calls `body` with the linked words and frees the links, each before the call.
    func consume(_ words: Int32, _ body: (Int) -> Void) {
        var link = words
        while link >= 0 {
            let (word, next) = (links[Int(link)].word, links[Int(link)].next)
            links[Int(link)].next = freeLink
            freeLink = link
            body(Int(word))
            link = next
        }
    }

    /// Puts each pair that has arisen into the queue, with the words in which it has.
    func enqueue(into queue: inout MergeQueue) {
        for pair in arisen {
            let slot = slot(pair)
            if slots[slot].count > 0 {
                queue.push(MergeQueue.Entry(count: slots[slot].count, pair: pair, words: slots[slot].words))
            } else {
                consume(slots[slot].words) { _ in }
            }
            slots[slot].words = -1
        }
        arisen.removeAll(keepingCapacity: true)
    }
}
