import Glibc

/// Draws segmentations of words from a unigram model: what is left of a word is weighed from its end on, then tokens are drawn from its start on.
final class SampledUnigramWords: WordModel {
    static var fusesUnknown: Bool { true }
    let fusedToken: Int32
    private let model: Unigram
    private let smoothing: Double
    @exclusivity(unchecked) private var dice: SplitMix64
    @exclusivity(unchecked) private(set) var tokens: UnsafeMutablePointer<UInt32>
    /// By place, the logarithm of the sum over all segmentations from there on.
    @exclusivity(unchecked) private var rest: UnsafeMutablePointer<Double>
    @exclusivity(unchecked) private var capacity = 64

    init(_ model: Unigram, smoothing: Double, _ dice: SplitMix64) {
        self.model = model
        self.smoothing = smoothing
        self.dice = dice
        tokens = .allocate(capacity: capacity)
        rest = .allocate(capacity: capacity + 1)
        fusedToken = model.byteFallback == nil ? Int32(model.unknown) : -1
    }

    deinit {
        tokens.deallocate()
        rest.deallocate()
    }

    func wordEnd(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> { model.pairs.wordEnd(p, end) }

    func encode(_ p: UnsafePointer<UInt8>, _ count: Int) -> Int {
        if count > capacity {
            tokens.deallocate()
            rest.deallocate()
            capacity = count
            tokens = .allocate(capacity: capacity)
            rest = .allocate(capacity: capacity + 1)
        }
        rest[count] = 0
        var at = count - 1
        while at >= 0 {
            // Continuation bytes begin no token.
            rest[at] = -.infinity
            if p[at] & 0xC0 != 0x80 {
                forEachToken(p, count, at) { _, end, score in
                    rest[at] = Self.logarithmOfSum(rest[at], score + rest[end])
                    return true
                }
            }
            at -= 1
        }
        var length = 0
        at = 0
        while at < count {
            var chosen: (id: UInt32, end: Int) = (model.unknown, count)
            var left = dice.uniform()
            forEachToken(p, count, at) { id, end, score in
                guard rest[end] > -.infinity else { return true }
                // The last is taken if rounding leaves a rest.
                chosen = (id, end)
                left -= exp(score + rest[end] - rest[at])
                return left >= 0
            }
            length += write(chosen.id, p, at..<chosen.end, length)
            at = chosen.end
        }
        return length
    }

    /// Calls `body` with the id, the end and the smoothed score of each token that starts at `at`, until it returns false.
    private func forEachToken(_ p: UnsafePointer<UInt8>, _ count: Int, _ at: Int, _ body: (UInt32, Int, Double) -> Bool) {
        let single = at + (p[at] < 0x80 ? 1 : UTF8Scanning.multibyteScalar(p + at, p + count).length)
        var hasSingle = false
        var node = TokenTrie.root
        var end = at
        while end < count {
            node = model.trie.step(node, p[end])
            if node == TokenTrie.nowhere { break }
            end += 1
            let id = model.trie.id(at: node)
            guard id >= 0 else { continue }
            if end == single { hasSingle = true }
            guard body(UInt32(id), end, smoothing * model.scores[Int(id)]) else { return }
        }
        if !hasSingle { _ = body(model.unknown, single, smoothing * model.unknownScore) }
    }

    /// Writes a token, or what stands for unknown text; returns how many were written.
    private func write(_ id: UInt32, _ p: UnsafePointer<UInt8>, _ bytes: Range<Int>, _ length: Int) -> Int {
        guard id == model.unknown else {
            tokens[length] = id
            return 1
        }
        if let fallback = model.byteFallback {
            for (place, byte) in bytes.enumerated() { tokens[length + place] = fallback.tokens[Int(p[byte])] }
            return bytes.count
        }
        if length > 0, tokens[length - 1] == id { return 0 }
        tokens[length] = id
        return 1
    }

    private static func logarithmOfSum(_ a: Double, _ b: Double) -> Double {
        let (low, high) = (min(a, b), max(a, b))
        return low == -.infinity ? high : high + log1p(exp(low - high))
    }
}
