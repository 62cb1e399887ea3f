import ApusInference
import Glibc

/// The obvious sampler: everything sorted, in double precision. What it keeps is what the fast one must keep.
struct SamplingTwin {
    var parameters: SamplingParameters

    struct Entry: Equatable {
        var id: Int
        var logit: Double
    }

    func kept(_ logits: [Float]) -> [Int: Double] {
        let allowed = logits.enumerated().filter { $0.element > -.infinity }
        var entries = allowed.map { Entry(id: $0.offset, logit: Double($0.element)) }
        sort(&entries) { $0.logit }
        if parameters.topK > 0 { entries = Array(entries.prefix(parameters.topK)) }
        if parameters.typicalP < 1 {
            let probabilities = softmax(entries)
            let entropy = -probabilities.values.reduce(0) { $0 + ($1 > 0 ? $1 * log($1) : 0) }
            sort(&entries) { -abs(-log(probabilities[$0.id]!) - entropy) }
            entries = reaching(Double(parameters.typicalP), entries, probabilities)
            sort(&entries) { $0.logit }
        }
        if parameters.topP < 1 { entries = reaching(Double(parameters.topP), entries, softmax(entries)) }
        if parameters.minP > 0 {
            let bound = entries[0].logit + log(Double(parameters.minP))
            entries.removeAll { $0.logit < bound }
        }
        return softmax(entries, temperature: Double(parameters.temperature))
    }

    private func sort(_ entries: inout [Entry], by score: (Entry) -> Double) {
        entries.sort { (score($0), -$0.id) > (score($1), -$1.id) }
    }

    private func softmax(_ entries: [Entry], temperature: Double = 1) -> [Int: Double] {
        let greatest = entries.map(\.logit).max()!
        let weights = entries.map { exp(($0.logit - greatest) / temperature) }
        let total = weights.reduce(0, +)
        return Dictionary(uniqueKeysWithValues: zip(entries.map(\.id), weights.map { $0 / total }))
    }

    private func reaching(_ share: Double, _ entries: [Entry], _ probabilities: [Int: Double]) -> [Entry] {
        var sum = 0.0
        for (index, entry) in entries.enumerated() {
            sum += probabilities[entry.id]!
            if sum >= share { return Array(entries.prefix(index + 1)) }
        }
        return entries
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014), so that every run sees the same values.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func normal() -> Float {
        let (u, v) = (Double.random(in: 0x1p-53..<1, using: &self), Double.random(in: 0..<1, using: &self))
        return Float((-2 * log(u)).squareRoot() * cos(2 * .pi * v))
    }

    mutating func logits(_ count: Int, deviation: Float = 3) -> [Float] { (0..<count).map { _ in normal() * deviation } }
}

extension Sampler {
    mutating func sample(_ logits: [Float]) throws -> Int32 {
        var logits = logits
        return try logits.withUnsafeMutableBufferPointer { try sample($0) }
    }
}
