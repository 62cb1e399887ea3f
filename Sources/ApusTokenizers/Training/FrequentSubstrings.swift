/// Finds the substrings that occur more than once in words, by a suffix array: those that are followed by different characters or an end,
/// since any other occurs only within a longer one.
struct FrequentSubstrings {
    /// A substring: where it starts in `suffixes`, how many suffixes start with it, its length in characters and its weight.
    struct Substring {
        var first: Int
        var count: Int
        var length: Int
        var score: Int
    }

    static let longest = 16
    /// The places in the text in the order of what follows them.
    let suffixes: [UInt32]
    /// The substrings, those of the highest score (occurrences × length) if there are more than the limit.
    let substrings: [Substring]

    /// - Parameters:
    ///   - text: all words, one after the other.
    ///   - rooms: for each place how many characters its word has left, at most `longest`.
    ///   - weights: for each place how often its word occurs.
    init(_ text: [UInt32], _ rooms: [UInt8], weights: (Int) -> Int, limit: Int, threads: Int) {
        suffixes = Self.sorted(text, rooms, threads)
        var found = Self.substrings(text, rooms, suffixes, weights)
        if found.count > limit {
            found.sort { $0.score > $1.score }
            found.removeLast(found.count - limit)
        }
        substrings = found
    }

    private struct Key {
        var characters: UInt64
        var place: UInt32
    }

    /// The memory that threads sort in, each its own ranges.
    private struct Shared: @unchecked Sendable {
        let suffixes: UnsafeMutablePointer<UInt32>
        let text: UnsafePointer<UInt32>
        let rooms: UnsafePointer<UInt8>
    }

    private static func sorted(_ text: [UInt32], _ rooms: [UInt8], _ threads: Int) -> [UInt32] {
        // By the first character, which leaves ranges for the threads.
        var sizes: [UInt32: Int] = [:]
        for character in text { sizes[character, default: 0] += 1 }
        var starts: [UInt32: Int] = [:]
        var ranges: [Range<Int>] = []
        var total = 0
        for character in sizes.keys.sorted() {
            starts[character] = total
            ranges.append(total..<total + sizes[character]!)
            total += sizes[character]!
        }
        var suffixes = Array(repeating: UInt32(0), count: text.count)
        for (place, character) in text.enumerated() {
            suffixes[starts[character]!] = UInt32(place)
            starts[character]! += 1
        }
        let queue = WorkQueue(ranges.sorted { $0.count > $1.count })
        suffixes.withUnsafeMutableBufferPointer { suffixes in
            text.withUnsafeBufferPointer { text in
                rooms.withUnsafeBufferPointer { rooms in
                    guard let base = suffixes.baseAddress else { return }
                    let shared = Shared(suffixes: base, text: text.baseAddress!, rooms: rooms.baseAddress!)
                    WorkerThreads.run(threads) { _ in
                        while let range = queue.next() { refine(shared, range, depth: 1) }
                    }
                }
            }
        }
        return suffixes
    }

    /// Sorts suffixes that are equal up to `depth`, by three more characters at a time.
    private static func refine(_ shared: Shared, _ range: Range<Int>, depth: Int) {
        guard range.count > 1, depth < longest else { return }
        var keys = range.map { index in
            let place = shared.suffixes[index]
            let room = Int(shared.rooms[Int(place)])
            var characters: UInt64 = 0
            for i in depth..<depth + 3 { characters = characters << 21 | (i < room ? UInt64(shared.text[Int(place) + i]) + 1 : 0) }
            return Key(characters: characters, place: place)
        }
        // Equal keys by place, so that the order does not depend on the sort.
        keys.sort { $0.characters != $1.characters ? $0.characters < $1.characters : $0.place < $1.place }
        for (index, key) in keys.enumerated() { shared.suffixes[range.lowerBound + index] = key.place }
        var start = 0
        for index in 1...keys.count where index == keys.count || keys[index].characters != keys[start].characters {
            if keys[start].characters & 0x1F_FFFF != 0 { refine(shared, range.lowerBound + start..<range.lowerBound + index, depth: depth + 3) }
            start = index
        }
    }

    private static func substrings(_ text: [UInt32], _ rooms: [UInt8], _ suffixes: [UInt32], _ weights: (Int) -> Int) -> [Substring] {
        var sums = [0]
        sums.reserveCapacity(suffixes.count + 1)
        for place in suffixes { sums.append(sums.last! + weights(Int(place))) }
        var found: [Substring] = []
        var open: [(first: Int, length: Int)] = []
        for i in suffixes.indices.dropFirst() {
            close(i, common(text, rooms, Int(suffixes[i - 1]), Int(suffixes[i])))
        }
        close(suffixes.count, 0)

        /// Ends the substrings that the suffix `end` does not start with, which shares `length` characters with the one before.
        func close(_ end: Int, _ length: Int) {
            var first = end - 1
            while let last = open.last, last.length > length {
                open.removeLast()
                first = last.first
                if last.length > 1 {
                    let weight = sums[end] - sums[first]
                    found.append(Substring(first: first, count: end - first, length: last.length, score: weight * last.length))
                }
            }
            if length > 0, open.last?.length ?? 0 < length { open.append((first, length)) }
        }
        return found
    }

    private static func common(_ text: [UInt32], _ rooms: [UInt8], _ a: Int, _ b: Int) -> Int {
        let most = Int(min(rooms[a], rooms[b]))
        var length = 0
        while length < most, text[a + length] == text[b + length] { length += 1 }
        return length
    }
}
