import Glibc

/// How often each word occurs in a text, the words numbered as they are first met. It belongs to one thread at a time.
final class WordCounts: @unchecked Sendable {
    private struct Entry {
        var start: Int
        var length: Int
        var count: Int
    }

    @exclusivity(unchecked) private var bytes: UnsafeMutablePointer<UInt8>
    @exclusivity(unchecked) private var byteCapacity = 1 << 16
    @exclusivity(unchecked) private(set) var byteCount = 0
    @exclusivity(unchecked) private var entries: UnsafeMutablePointer<Entry>
    @exclusivity(unchecked) private var entryCapacity = 1 << 12
    /// The number of different words.
    @exclusivity(unchecked) private(set) var count = 0
    /// One slot: the upper half of a hash, and a word plus one; zero is free.
    @exclusivity(unchecked) private var slots: UnsafeMutablePointer<UInt64>
    @exclusivity(unchecked) private var mask: Int
    private let hashing = Hashing()

    init() {
        bytes = .allocate(capacity: byteCapacity)
        entries = .allocate(capacity: entryCapacity)
        (slots, mask) = Self.table(1 << 13)
    }

    deinit {
        bytes.deallocate()
        entries.deallocate()
        slots.deallocate()
    }

    private static func table(_ capacity: Int) -> (UnsafeMutablePointer<UInt64>, mask: Int) {
        let slots = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        slots.initialize(repeating: 0, count: capacity)
        return (slots, capacity - 1)
    }

    /// The text of a word; valid until another is added.
    func text(_ word: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes + entries[word].start, count: entries[word].length)
    }

    func occurrences(_ word: Int) -> Int { entries[word].count }

    /// Counts a word.
    @inline(__always)
    func add(_ p: UnsafePointer<UInt8>, _ length: Int, times: Int = 1) {
        let hash = hashing.hash(p, length)
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash >> 32 {
                let word = Int(slots[slot] & 0xFFFF_FFFF) - 1
                if entries[word].length == length, memcmp(bytes + entries[word].start, p, length) == 0 {
                    entries[word].count += times
                    return
                }
            }
            slot = (slot + 1) & mask
        }
        insert(p, length, times, hash, slot)
    }

    @inline(never)
    private func insert(_ p: UnsafePointer<UInt8>, _ length: Int, _ times: Int, _ hash: UInt64, _ slot: Int) {
        if byteCount + length > byteCapacity {
            byteCapacity = max(2 * byteCapacity, byteCount + length)
            bytes = Self.grown(bytes, byteCount, to: byteCapacity)
        }
        if count == entryCapacity {
            entryCapacity *= 2
            entries = Self.grown(entries, count, to: entryCapacity)
        }
        (bytes + byteCount).update(from: p, count: length)
        (entries + count).initialize(to: Entry(start: byteCount, length: length, count: times))
        byteCount += length
        count += 1
        slots[slot] = hash & ~0xFFFF_FFFF | UInt64(count)
        if count * 2 > mask { rehash() }
    }

    private static func grown<Element: BitwiseCopyable>(
        _ old: UnsafeMutablePointer<Element>, _ count: Int, to capacity: Int
    ) -> UnsafeMutablePointer<Element> {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
        larger.update(from: old, count: count)
        old.deallocate()
        return larger
    }

    private func rehash() {
        slots.deallocate()
        (slots, mask) = Self.table(2 * (mask + 1))
        for word in 0..<count {
            let hash = hashing.hash(bytes + entries[word].start, entries[word].length)
            var slot = Int(truncatingIfNeeded: hash) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = hash & ~0xFFFF_FFFF | UInt64(word + 1)
        }
    }

    /// Adds all that another has counted.
    func add(_ other: WordCounts) {
        for word in 0..<other.count {
            let text = other.text(word)
            add(text.baseAddress!, text.count, times: other.occurrences(word))
        }
    }

    /// The words in the order of their bytes, which does not depend on how they were met.
    func sorted() -> [Int] {
        (0..<count).sorted { a, b in
            let (a, b) = (text(a), text(b))
            let order = memcmp(a.baseAddress!, b.baseAddress!, min(a.count, b.count))
            return order != 0 ? order < 0 : a.count < b.count
        }
    }
}
