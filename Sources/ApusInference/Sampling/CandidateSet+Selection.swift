extension CandidateSet {
    /// Where a filter cuts: scores above `score` stay, and the first `equals` of those equal to it.
    struct Cutoff {
        var score: Float
        var equals: Int
    }

    /// The bits of a score as an unsigned number of the same order. Both zeros are equal.
    @inline(__always)
    private static func ordered(_ score: Float) -> UInt32 {
        let bits = (score + 0).bitPattern
        return bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    }

    /// The cut that keeps the fewest of the best of the first `count` scores whose weights sum to `mass`; at least one.
    ///
    /// Finds the bits of the last kept score eleven, eleven and ten at a time, each from the weights in 2048 buckets.
    static func cutoff(
        _ scores: [Float], _ weights: [Float], _ count: Int, mass: Double, _ histogram: inout [Double]
    ) -> Cutoff {
        let mass = max(mass, .leastNonzeroMagnitude)
        var above = 0.0
        var prefix: UInt32 = 0
        var shift: UInt32 = 32
        for bits: UInt32 in [11, 11, 10] {
            let known: UInt32 = shift == 32 ? 0 : ~0 << shift
            shift -= bits
            let buckets = 1 << Int(bits)
            fill(&histogram, scores, weights, count, prefix: prefix, known: known, shift: shift, mask: UInt32(buckets - 1))
            // The lowest bucket that holds anything is the answer when rounding keeps the sum below `mass`.
            var chosen = 0
            var sum = above
            for bucket in stride(from: buckets - 1, through: 0, by: -1) where histogram[bucket] > 0 {
                chosen = bucket
                above = sum
                sum += histogram[bucket]
                if sum >= mass { break }
            }
            prefix |= UInt32(chosen) << shift
        }
        let score = Float(bitPattern: prefix & 0x8000_0000 == 0 ? ~prefix : prefix & 0x7fff_ffff)
        var equals = 0
        for index in 0..<count where scores[index] == score && above < mass {
            above += Double(weights[index])
            equals += 1
        }
        return Cutoff(score: score, equals: equals)
    }

    /// Sums the weights of scores that begin with `prefix` by their next bits.
    private static func fill(
        _ histogram: inout [Double], _ scores: [Float], _ weights: [Float], _ count: Int, prefix: UInt32, known: UInt32,
        shift: UInt32, mask: UInt32
    ) {
        histogram.withUnsafeMutableBufferPointer { histogram in
            histogram.update(repeating: 0)
            scores.withUnsafeBufferPointer { scores in
                weights.withUnsafeBufferPointer { weights in
                    for index in 0..<count {
                        let key = ordered(scores[index])
                        guard key & known == prefix else { continue }
                        histogram[Int(key >> shift & mask)] += Double(weights[index])
                    }
                }
            }
        }
    }
}
