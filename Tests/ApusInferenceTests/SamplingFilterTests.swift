import ApusBase
import Glibc
import Testing

@testable import ApusInference

@Suite struct SamplingFilterTests {
    static let filters: [SamplingParameters] = [
        SamplingParameters(),
        SamplingParameters(topK: 1), SamplingParameters(topK: 2), SamplingParameters(topK: 40),
        SamplingParameters(topK: 700), SamplingParameters(topP: 0), SamplingParameters(topP: 0.1),
        SamplingParameters(topP: 0.5), SamplingParameters(topP: 0.95), SamplingParameters(topP: 0.9999),
        SamplingParameters(minP: 0.001), SamplingParameters(minP: 0.05), SamplingParameters(minP: 1),
        SamplingParameters(typicalP: 0), SamplingParameters(typicalP: 0.2), SamplingParameters(typicalP: 0.95),
        SamplingParameters(temperature: 0.3), SamplingParameters(temperature: 2.5),
        SamplingParameters(temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05),
        SamplingParameters(temperature: 1.3, topK: 100, topP: 0.8, minP: 0.01, typicalP: 0.9),
    ]

    /// The same tokens, with the same probabilities.
    @Test(arguments: filters) func keepsWhatTheSortingTwinKeeps(parameters: SamplingParameters) {
        var random = SplitMix64(state: 7)
        for size in [1, 2, 63, 64, 65, 129, 1000, 5000] {
            for deviation: Float in [0.5, 3, 12] {
                compare(parameters, random.logits(size, deviation: deviation))
            }
        }
    }

    @Test(arguments: filters) func ordersEqualLogitsById(parameters: SamplingParameters) {
        var random = SplitMix64(state: 8)
        // Shares that fall on a multiple of 1/n would make the last kept token a matter of rounding.
        compare(parameters, [Float](repeating: 1.5, count: 611))
        compare(parameters, (0..<611).map { $0 % 2 == 0 ? 0 : -0.0 })
        compare(parameters, (0..<1999).map { _ in Float(Int.random(in: -2...2, using: &random)) * 1.37 })
    }

    @Test(arguments: filters) func leavesOutForbiddenTokens(parameters: SamplingParameters) {
        var random = SplitMix64(state: 9)
        for share in [0.5, 0.99] {
            var logits = random.logits(1000)
            for id in logits.indices where Double.random(in: 0..<1, using: &random) < share { logits[id] = -.infinity }
            compare(parameters, logits)
        }
        var single = [Float](repeating: -.infinity, count: 300)
        single[211] = -40
        compare(parameters, single)
    }

    private func compare(_ parameters: SamplingParameters, _ logits: [Float]) {
        var logits = logits
        var candidates = CandidateSet()
        var maxima = [Float](repeating: 0, count: (logits.count + 63) / 64)
        logits.withUnsafeMutableBufferPointer { logits in
            let greatest = maxima.withUnsafeMutableBufferPointer { try! LogitMath.maxima(of: logits, into: $0) }
            candidates.filter(logits, maxima: maxima, greatest: greatest, parameters)
        }
        let ids = candidates.ids.prefix(candidates.count).map(Int.init)
        // Where a share ends within single precision of a token's edge, either side is right.
        let twins = [0, -3e-7, 3e-7].map { (shift: Float) in
            var shifted = parameters
            if parameters.topP < 1 { shifted.topP += shift }
            if parameters.typicalP < 1 { shifted.typicalP += shift }
            return SamplingTwin(parameters: shifted).kept(logits)
        }
        let expected = twins.first { ids == $0.keys.sorted() }
        #expect(expected != nil, "kept \(ids.count) of \(logits.count), not \(twins[0].count): \(parameters)")
        guard let expected else { return }
        let probabilities = candidates.probabilities(temperature: parameters.temperature)
        let worst = zip(ids, probabilities).map { abs($1 - (expected[$0] ?? 0)) }.max() ?? 1
        #expect(worst < 1e-6, "\(logits.count) logits, \(parameters)")
    }

    @Test func exponentialIsAccurate() {
        var worst = 0.0
        for step in 0..<87_000 {
            let x = -Float(step) / 1000
            let value = Double(LogitMath.exponential(SIMD8(repeating: x))[3])
            worst = max(worst, abs(value / exp(Double(x)) - 1))
        }
        #expect(worst < 2.5e-7)
        #expect(LogitMath.exponential(SIMD8(repeating: 0)) == SIMD8(repeating: 1))
        #expect(LogitMath.exponential(SIMD8(-88, -1e30, -.infinity, -87.1, -1e9, -200, -90, -100)) == SIMD8(repeating: 0))
    }

    // The known answers published with the generator (Random123, kat_vectors).
    @Test func philoxGivesItsKnownAnswers() {
        #expect(
            Philox.words(key: SIMD2(0, 0), counter: SIMD4(0, 0, 0, 0))
                == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
        #expect(
            Philox.words(key: SIMD2(repeating: .max), counter: SIMD4(repeating: .max))
                == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
        #expect(
            Philox.words(
                key: SIMD2(0xa409_3822, 0x299f_31d0), counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344))
                == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
    }
}

extension CandidateSet {
    fileprivate mutating func probabilities(temperature: Float) -> [Double] {
        let total = weigh(temperature: temperature)
        return weights.prefix(count).map { Double($0) / total }
    }
}
