/// Pairs in the order in which a trainer of byte-pair encoding merges them: the most frequent first, of equally frequent ones that of the
/// lower ids.
struct MergeQueue {
    struct Entry {
        var count: Int
        /// The left id in the upper half.
        var pair: UInt64
        /// The first of the linked words in which to merge.
        var words: Int32

        @inline(__always)
        static func precedes(_ a: Entry, _ b: Entry) -> Bool { a.count != b.count ? a.count > b.count : a.pair < b.pair }
    }

    private var entries: [Entry] = []
    // Four children a node: fewer steps, and siblings lie beside each other.
    private static let arity = 4

    mutating func push(_ entry: Entry) {
        entries.append(entry)
        entries.withUnsafeMutableBufferPointer { entries in
            var i = entries.count - 1
            while i > 0, Entry.precedes(entry, entries[(i - 1) / Self.arity]) {
                entries[i] = entries[(i - 1) / Self.arity]
                i = (i - 1) / Self.arity
            }
            entries[i] = entry
        }
    }

    mutating func pop() -> Entry? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        guard !entries.isEmpty else { return first }
        entries.withUnsafeMutableBufferPointer { entries in
            var i = 0
            while Self.arity * i + 1 < entries.count {
                var child = Self.arity * i + 1
                for other in child + 1..<min(child + Self.arity, entries.count) where Entry.precedes(entries[other], entries[child]) {
                    child = other
                }
                if !Entry.precedes(entries[child], last) { break }
                entries[i] = entries[child]
                i = child
            }
            entries[i] = last
        }
        return first
    }
}
