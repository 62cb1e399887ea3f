import Glibc

/// The tokens that are still in the running, in the order of their ids, with their logits and unnormalised probabilities.
///
/// The filters find the score of the last token they keep by counting mass in buckets of the scores' bits, most
/// significant bits first: time is linear whatever the scores, nothing is sorted and the order is kept. Among equal
/// scores the lowest ids win.
struct CandidateSet: Sendable {
    private(set) var count = 0
    private(set) var ids: [Int32] = []  // these have room for more than `count`
    private(set) var logits: [Float] = []
    private(set) var weights: [Float] = []
    private var scores: [Float] = []
    private var histogram = [Double](repeating: 0, count: 2048)

    /// Starts from all logits and applies the filters in the order that `SamplingParameters` state.
    ///
    /// - Parameters:
    ///   - maxima: the greatest of each block of 64 logits.
    ///   - greatest: the greatest of those, a finite number.
    mutating func filter(
        _ all: UnsafeMutableBufferPointer<Float>, maxima: [Float], greatest: Float, _ parameters: SamplingParameters
    ) {
        let (topP, minP) = (parameters.topP, parameters.minP)
        var total: Double?
        if parameters.topK > 0, parameters.topK < all.count {
            gatherTop(parameters.topK, all, maxima: maxima)
        } else if parameters.typicalP < 1 || (topP >= 1 && minP <= 0) {
            gather(all, maxima: maxima, threshold: -.infinity)
        } else if topP < 1 {
            // All tokens below this bound together weigh no more than what topP leaves out.
            let sum = LogitMath.weigh(UnsafeBufferPointer(all), greatest: greatest, temperature: 1, into: nil)
            let bound = greatest + Float(log(Double(1 - topP) * sum / Double(all.count))) - 0.01
            gather(all, maxima: maxima, threshold: bound)
            total = sum
        } else {
            gather(all, maxima: maxima, threshold: greatest + log(minP))
        }
        if parameters.typicalP < 1 { keepTypical(parameters.typicalP) }
        if topP < 1 {
            let sum = weigh(temperature: 1)
            keep(Self.cutoff(logits, weights, count, mass: Double(topP) * (total ?? sum), &histogram), of: logits)
        }
        if minP > 0 { keep(Cutoff(score: logits[..<count].max()! + log(minP), equals: .max), of: logits) }
    }

    // MARK: - Gathering

    /// All tokens whose logit is above minus infinity and at least `threshold`.
    private mutating func gather(_ all: UnsafeMutableBufferPointer<Float>, maxima: [Float], threshold: Float) {
        let threshold = max(threshold, -Float.greatestFiniteMagnitude)
        let size = LogitMath.blockSize
        reserve(size * maxima.reduce(0) { $0 + ($1 >= threshold ? 1 : 0) })
        var kept = 0
        ids.withUnsafeMutableBufferPointer { ids in
            logits.withUnsafeMutableBufferPointer { logits in
                for (block, greatest) in maxima.enumerated() where greatest >= threshold {
                    for id in block * size..<min((block + 1) * size, all.count) {
                        ids[kept] = Int32(truncatingIfNeeded: id)
                        logits[kept] = all[id]
                        kept += all[id] >= threshold ? 1 : 0
                    }
                }
            }
        }
        count = kept
    }

    /// The `k` greatest logits. The k-th greatest block maximum is a bound that at least k logits reach, and few more.
    private mutating func gatherTop(_ k: Int, _ all: UnsafeMutableBufferPointer<Float>, maxima: [Float]) {
        var threshold = -Float.infinity
        if k < maxima.count {
            weighEqually(maxima.count)
            threshold = Self.cutoff(maxima, weights, maxima.count, mass: Double(k), &histogram).score
        }
        gather(all, maxima: maxima, threshold: threshold)
        guard count > k else { return }
        weighEqually(count)
        keep(Self.cutoff(logits, weights, count, mass: Double(k), &histogram), of: logits)
    }

    private mutating func reserve(_ count: Int) {
        guard ids.count < count else { return }
        ids = [Int32](repeating: 0, count: count)
        logits = [Float](repeating: 0, count: count)
        weights = [Float](repeating: 0, count: count)
    }

    private mutating func weighEqually(_ count: Int) {
        if weights.count < count { weights = [Float](repeating: 0, count: count) }
        weights.withUnsafeMutableBufferPointer { $0[..<count].update(repeating: 1) }
    }

    // MARK: - Filters

    /// Keeps the tokens whose information is nearest the entropy and that together reach the share `p`; at least one.
    private mutating func keepTypical(_ p: Float) {
        let total = weigh(temperature: 1)
        let greatest = logits[..<count].max()!
        let logTotal = Float(log(total))
        var entropy = 0.0
        for index in 0..<count {
            entropy += Double(weights[index]) / total * Double(logTotal - (logits[index] - greatest))
        }
        if scores.count < count { scores = [Float](repeating: 0, count: logits.count) }
        for index in 0..<count { scores[index] = -abs(logTotal - (logits[index] - greatest) - Float(entropy)) }
        keep(Self.cutoff(scores, weights, count, mass: Double(p) * total, &histogram), of: scores)
    }

    /// Keeps what `cutoff` leaves, in its order.
    private mutating func keep(_ cutoff: Cutoff, of scores: [Float]) {
        var kept = 0
        var equals = 0
        for index in 0..<count {
            guard scores[index] >= cutoff.score else { continue }
            if scores[index] == cutoff.score {
                guard equals < cutoff.equals else { continue }
                equals += 1
            }
            ids[kept] = ids[index]
            logits[kept] = logits[index]
            kept += 1
        }
        count = kept
    }

    // MARK: - Drawing

    /// The token at the share `point`, in 0 ..< 1, of the cumulated probabilities in the order of ids.
    mutating func draw(at point: Double, temperature: Float) -> Int32 {
        let target = point * weigh(temperature: temperature)
        var sum = 0.0
        var last = ids[0]
        for index in 0..<count where weights[index] > 0 {
            sum += Double(weights[index])
            last = ids[index]
            if target < sum { break }
        }
        return last
    }

    /// Sets the weights, 1 for the greatest; their sum.
    mutating func weigh(temperature: Float) -> Double {
        let count = count
        let greatest = logits[..<count].max()!
        return logits.withUnsafeBufferPointer { logits in
            weights.withUnsafeMutableBufferPointer {
                LogitMath.weigh(
                    UnsafeBufferPointer(rebasing: logits[..<count]), greatest: greatest, temperature: temperature, into: $0)
            }
        }
    }
}
