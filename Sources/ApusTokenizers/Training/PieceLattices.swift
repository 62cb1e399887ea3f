/// The ways in which words fall apart into pieces: at each place of each word the pieces that start there, in memory of 4 bytes a piece.
///
/// Threads may look at different words at the same time; `keep` needs it alone.
final class PieceLattices: @unchecked Sendable {
    /// What is known of each piece.
    struct Pieces {
        /// In characters.
        var lengths: [UInt8] = []
        /// Where it occurs.
        var places: [UInt32] = []
        var scores: [Double] = []

        var count: Int { lengths.count }
    }

    private let wordStarts: [Int]
    private let counts: [Int]
    private let edges: UnsafeMutablePointer<UInt32>
    /// For each place, and the end, where its edges start.
    private let edgeStarts: UnsafeMutablePointer<Int>
    private let placeCount: Int
    private let longestWord: Int

    /// - Parameters:
    ///   - characters: for each place the piece of its character alone.
    ///   - firstPiece: the number of the first substring; they are numbered in their order.
    init(wordStarts: [Int], counts: [Int], characters: [UInt32], substrings: FrequentSubstrings, firstPiece: Int) {
        self.wordStarts = wordStarts
        self.counts = counts
        placeCount = characters.count
        longestWord = counts.indices.reduce(0) { max($0, wordStarts[$1 + 1] - wordStarts[$1]) }
        edgeStarts = .allocate(capacity: placeCount + 2)
        edgeStarts.initialize(repeating: 0, count: placeCount + 2)
        // Sizes lie two places on at first, so that filling leaves each start where it belongs.
        for place in 0..<placeCount { edgeStarts[place + 2] = 1 }
        for substring in substrings.substrings {
            for i in substring.first..<substring.first + substring.count { edgeStarts[Int(substrings.suffixes[i]) + 2] += 1 }
        }
        for place in 0..<placeCount { edgeStarts[place + 2] += edgeStarts[place + 1] }
        edges = .allocate(capacity: max(1, edgeStarts[placeCount + 1]))
        for place in 0..<placeCount {
            edges[edgeStarts[place + 1]] = characters[place]
            edgeStarts[place + 1] += 1
        }
        for (index, substring) in substrings.substrings.enumerated() {
            for i in substring.first..<substring.first + substring.count {
                let place = Int(substrings.suffixes[i])
                edges[edgeStarts[place + 1]] = UInt32(firstPiece + index)
                edgeStarts[place + 1] += 1
            }
        }
    }

    deinit {
        edges.deallocate()
        edgeStarts.deallocate()
    }

    /// Numbers the pieces anew and drops those whose new number is `UInt32.max`.
    func keep(_ newNumbers: [UInt32]) {
        var (read, written) = (0, 0)
        for place in 0..<placeCount {
            let end = edgeStarts[place + 1]
            edgeStarts[place] = written
            while read < end {
                let piece = newNumbers[Int(edges[read])]
                read += 1
                guard piece != .max else { continue }
                edges[written] = piece
                written += 1
            }
        }
        edgeStarts[placeCount] = written
    }

    // MARK: Expectation

    /// Sums are kept near one: a word of many thousand characters has no probability that a double could hold.
    private static let scale = 1e100
    /// Powers of `scale` from -3 to 3, which is as far as sums of one path can lie apart and still add to more than zero.
    private static let powers = [0, 1e-200, 1e-100, 1, 1e100, 1e200, 1e300]

    /// How often each piece is expected in the words (the forward-backward algorithm).
    func expectedCounts(_ words: Range<Int>, _ pieces: Pieces, probabilities: [Double]) -> [Double] {
        var expected = Array(repeating: 0.0, count: pieces.count)
        var forward = Array(repeating: 0.0, count: longestWord + 1)
        var backward = forward
        var scalings = Array(repeating: 0, count: longestWord + 1)
        expected.withUnsafeMutableBufferPointer { expected in
            forward.withUnsafeMutableBufferPointer { forward in
                backward.withUnsafeMutableBufferPointer { backward in
                    probabilities.withUnsafeBufferPointer { probabilities in
                        pieces.lengths.withUnsafeBufferPointer { lengths in
                            for word in words {
                                goForward(word, forward, &scalings, probabilities, lengths)
                                goBackward(word, forward, scalings, backward, probabilities, lengths, expected)
                            }
                        }
                    }
                }
            }
        }
        return expected
    }

    private func goForward(
        _ word: Int, _ sums: UnsafeMutableBufferPointer<Double>, _ scalings: inout [Int], _ probabilities: UnsafeBufferPointer<Double>,
        _ lengths: UnsafeBufferPointer<UInt8>
    ) {
        let start = wordStarts[word], count = wordStarts[word + 1] - start
        for i in 1...count { sums[i] = 0 }
        sums[0] = 1
        var scaling = 0
        for i in 0..<count {
            if sums[i] < 1 / Self.scale { scaling += Self.rescale(sums, i..<min(i + FrequentSubstrings.longest, count + 1)) }
            scalings[i] = scaling
            let sum = sums[i]
            for k in edgeStarts[start + i]..<edgeStarts[start + i + 1] {
                let piece = Int(edges[k])
                sums[i + Int(lengths[piece])] += sum * probabilities[piece]
            }
        }
        if sums[count] < 1 / Self.scale { scaling += Self.rescale(sums, count..<count + 1) }
        scalings[count] = scaling
    }

    private func goBackward(
        _ word: Int, _ forward: UnsafeMutableBufferPointer<Double>, _ scalings: [Int], _ sums: UnsafeMutableBufferPointer<Double>,
        _ probabilities: UnsafeBufferPointer<Double>, _ lengths: UnsafeBufferPointer<UInt8>, _ expected: UnsafeMutableBufferPointer<Double>
    ) {
        let start = wordStarts[word], count = wordStarts[word + 1] - start
        let share = Double(counts[word]) / forward[count]
        sums[count] = 1
        var scaling = 0
        for i in (0..<count).reversed() {
            let power = min(max(scalings[count] - scalings[i] - scaling, -3), 3)
            let factor = forward[i] * share * Self.powers[power + 3]
            var sum = 0.0
            for k in edgeStarts[start + i]..<edgeStarts[start + i + 1] {
                let piece = Int(edges[k])
                let rest = probabilities[piece] * sums[i + Int(lengths[piece])]
                sum += rest
                expected[piece] += factor * rest
            }
            sums[i] = sum
            if sum < 1 / Self.scale { scaling += Self.rescale(sums, i..<min(i + FrequentSubstrings.longest, count + 1)) }
        }
    }

    /// Multiplies sums that are all small by `scale`; returns how often.
    private static func rescale(_ sums: UnsafeMutableBufferPointer<Double>, _ range: Range<Int>) -> Int {
        guard range.allSatisfy({ sums[$0] < 1 / scale }), range.contains(where: { sums[$0] > 0 }) else { return 0 }
        for i in range { sums[i] *= scale }
        return 1
    }

    // MARK: Best segmentations

    private struct Step {
        var score: Double
        var piece: UInt32
    }

    /// How often each piece occurs in the best segmentations of the words.
    func bestCounts(_ words: Range<Int>, _ pieces: Pieces) -> [Double] {
        var found = Array(repeating: 0.0, count: pieces.count)
        var steps = Array(repeating: Step(score: 0, piece: 0), count: longestWord + 1)
        for word in words {
            let start = wordStarts[word], count = Double(counts[word])
            search(start, wordStarts[word + 1] - start, pieces, without: .max, &steps)
            Self.backtrack(wordStarts[word + 1] - start, pieces, steps) { found[Int($0)] += count }
        }
        return found
    }

    /// The best segmentation of a piece into others; nil when there is none, or it is better than the piece itself.
    func alternative(to piece: Int, _ pieces: Pieces) -> (pieces: [UInt32], isBetter: Bool)? {
        let length = Int(pieces.lengths[piece])
        guard length > 1 else { return nil }
        var steps = Array(repeating: Step(score: 0, piece: 0), count: length + 1)
        search(Int(pieces.places[piece]), length, pieces, without: UInt32(piece), &steps)
        var parts: [UInt32] = []
        Self.backtrack(length, pieces, steps) { parts.append($0) }
        return (parts, steps[length].score > pieces.scores[piece])
    }

    /// Finds the best way to each place behind `start`.
    @inline(__always)
    private func search(_ start: Int, _ count: Int, _ pieces: Pieces, without excluded: UInt32, _ steps: inout [Step]) {
        for i in 0...count { steps[i].score = -.infinity }
        steps[0].score = 0
        steps.withUnsafeMutableBufferPointer { steps in
            pieces.lengths.withUnsafeBufferPointer { lengths in
                pieces.scores.withUnsafeBufferPointer { scores in
                    for i in 0..<count {
                        let reached = steps[i].score
                        for k in edgeStarts[start + i]..<edgeStarts[start + i + 1] {
                            let piece = edges[k], end = i + Int(lengths[Int(piece)])
                            guard end <= count, piece != excluded else { continue }
                            let score = reached + scores[Int(piece)]
                            if score > steps[end].score { steps[end] = Step(score: score, piece: piece) }
                        }
                    }
                }
            }
        }
    }

    @inline(__always)
    private static func backtrack(_ count: Int, _ pieces: Pieces, _ steps: [Step], _ body: (UInt32) -> Void) {
        var end = count
        while end > 0 {
            body(steps[end].piece)
            end -= Int(pieces.lengths[Int(steps[end].piece)])
        }
    }
}
