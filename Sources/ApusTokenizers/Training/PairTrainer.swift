/// Learns the merges of a byte-pair encoding (Sennrich et al. 2016): again and again the most frequent pair becomes a token.
///
/// Counts are kept up with each merge, which visits only the words that had the pair when it arose. Equally frequent pairs go in the order
/// of their ids, and a pair that arises again later is merged again in its turn, so that merges are those of Hugging Face tokenizers.
struct PairTrainer {
    /// The texts of the tokens by id.
    private(set) var tokens: [[UInt8]] = []
    private var ids: [[UInt8]: UInt32] = [:]
    /// The merges in their order: ids of the left and the right.
    private(set) var merges: [(left: Int, right: Int)] = []
    /// What the token on the right of a merge loses when the two are joined ("##").
    private let continuationPrefix: [UInt8]

    /// The ids of all words, one after the other, and where each word starts and how many it has left.
    private var symbols: [UInt32] = []
    private var starts: [Int] = []
    private var lengths: [Int32] = []
    private var counts: [Int] = []

    init(continuationPrefix: [UInt8] = []) { self.continuationPrefix = continuationPrefix }

    /// The id of a token, which is added if need be.
    mutating func add(_ text: [UInt8]) -> UInt32 {
        if let id = ids[text] { return id }
        ids[text] = UInt32(tokens.count)
        tokens.append(text)
        return UInt32(tokens.count - 1)
    }

    func id(_ text: [UInt8]) -> UInt32? { ids[text] }

    /// Adds a word of tokens that occurs `count` times.
    mutating func addWord(_ word: some Collection<UInt32>, count: Int) {
        starts.append(symbols.count)
        symbols += word
        lengths.append(Int32(symbols.count - starts.last!))
        counts.append(count)
    }

    /// Merges until there are `size` tokens, or no pair occurs `minimumFrequency` times.
    mutating func train(size: Int, minimumFrequency: Int) {
        let pairs = PairCounts()
        var queue = MergeQueue()
        countAll(pairs)
        pairs.enqueue(into: &queue)
        var found: [UInt64] = []
        while tokens.count < size, var top = queue.pop() {
            let count = pairs.count(top.pair)
            if count != top.count {
                top.count = count
                queue.push(top)
                continue
            }
            if count < max(1, minimumFrequency) { break }
            let (left, right) = (UInt32(top.pair >> 32), UInt32(truncatingIfNeeded: top.pair))
            let second = tokens[Int(right)]
            let joined = add(tokens[Int(left)] + (second.starts(with: continuationPrefix) ? second.dropFirst(continuationPrefix.count) : second[...]))
            found.append(top.pair)
            merge(left, right, joined, top.words, pairs)
            pairs.enqueue(into: &queue)
        }
        keep(found)
    }

    /// Of merges of one pair the last counts.
    private mutating func keep(_ found: [UInt64]) {
        var seen = Set<UInt64>()
        for pair in found.reversed() where seen.insert(pair).inserted {
            merges.append((Int(pair >> 32), Int(pair & 0xFFFF_FFFF)))
        }
        merges.reverse()
    }

    private func countAll(_ pairs: PairCounts) {
        for word in starts.indices {
            let start = starts[word]
            for i in start + 1..<max(start + 1, start + Int(lengths[word])) {
                pairs.add(counts[word], PairCounts.pair(symbols[i - 1], symbols[i]), in: UInt32(word))
            }
        }
    }

    /// Joins `left` and `right` in the linked words.
    private mutating func merge(_ left: UInt32, _ right: UInt32, _ joined: UInt32, _ words: Int32, _ pairs: PairCounts) {
        symbols.withUnsafeMutableBufferPointer { symbols in
            lengths.withUnsafeMutableBufferPointer { lengths in
                starts.withUnsafeBufferPointer { starts in
                    counts.withUnsafeBufferPointer { counts in
                        pairs.consume(words) { word in
                            let symbols = symbols.baseAddress! + starts[word]
                            lengths[word] = Self.merge(left, right, joined, symbols, lengths[word], UInt32(word), counts[word], pairs)
                        }
                    }
                }
            }
        }
    }

    /// Joins `left` and `right` in one word from its start on; returns its new length.
    @inline(__always)
    private static func merge(
        _ left: UInt32, _ right: UInt32, _ joined: UInt32, _ symbols: UnsafeMutablePointer<UInt32>, _ length: Int32, _ word: UInt32, _ count: Int,
        _ pairs: PairCounts
    ) -> Int32 {
        let length = Int(length)
        var (read, written) = (0, 0)
        while read < length {
            guard symbols[read] == left, read + 1 < length, symbols[read + 1] == right else {
                symbols[written] = symbols[read]
                read += 1
                written += 1
                continue
            }
            if written > 0 {
                let before = symbols[written - 1]
                pairs.subtract(count, PairCounts.pair(before, left))
                pairs.add(count, PairCounts.pair(before, joined), in: word)
            }
            read += 2
            if read < length {
                pairs.subtract(count, PairCounts.pair(right, symbols[read]))
                pairs.add(count, PairCounts.pair(joined, symbols[read]), in: word)
            }
            symbols[written] = joined
            written += 1
        }
        return Int32(written)
    }
}
