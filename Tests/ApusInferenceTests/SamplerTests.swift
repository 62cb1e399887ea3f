import ApusBase
import ApusInference
import Glibc
import Testing

@Suite struct SamplerTests {
    // MARK: - Distribution

    @Test(arguments: [
        SamplingParameters(seed: 1), SamplingParameters(temperature: 0.7, topK: 12, seed: 2),
        SamplingParameters(temperature: 1.5, topP: 0.9, seed: 3), SamplingParameters(minP: 0.05, typicalP: 0.95, seed: 4),
    ])
    func drawsFollowTheDistribution(parameters: SamplingParameters) throws {
        var random = SplitMix64(state: 11)
        let logits = random.logits(40, deviation: 1)
        let expected = SamplingTwin(parameters: parameters).kept(logits)
        var sampler = try Sampler(parameters, vocabularySize: logits.count)
        let draws = 40_000
        var counts: [Int: Int] = [:]
        for _ in 0..<draws { counts[Int(try sampler.sample(logits)), default: 0] += 1 }
        #expect(Set(counts.keys).isSubset(of: Set(expected.keys)))
        let chiSquare = expected.reduce(0.0) { sum, entry in
            let mean = entry.value * Double(draws)
            let distance = Double(counts[entry.key] ?? 0) - mean
            return sum + distance * distance / mean
        }
        // Wilson and Hilferty's approximation; 3.1 deviations are a chance of 1 in 1000 for a sound sampler.
        let freedom = Double(expected.count - 1)
        let deviations = (cbrt(chiSquare / freedom) - (1 - 2 / (9 * freedom))) / (2 / (9 * freedom)).squareRoot()
        #expect(abs(deviations) < 3.1)
    }

    @Test func sequencesAndSeedsAreIndependent() throws {
        let logits = [Float](repeating: 0, count: 1000)
        func draws(_ seed: UInt64, _ sequence: UInt32) throws -> [Int32] {
            var sampler = try Sampler(SamplingParameters(seed: seed), vocabularySize: 1000, sequence: sequence)
            return try (0..<200).map { _ in try sampler.sample(logits) }
        }
        let base = try draws(5, 0)
        #expect(try draws(5, 0) == base)
        for (seed, sequence) in [(6, 0), (5, 1), (5 + 1 << 40, 0)] as [(UInt64, UInt32)] {
            let others = try draws(seed, sequence)
            #expect(zip(base, others).filter { $0 == $1 }.count < 5)
        }
    }

    /// Two samplers that take turns give what each gives alone: the draw of a step depends on nothing else.
    @Test func theBatchDoesNotMatter() throws {
        var random = SplitMix64(state: 12)
        let logits = (0..<20).map { _ in random.logits(500) }
        let parameters = SamplingParameters(topK: 50, topP: 0.9, repetitionPenalty: 1.2, seed: 9)
        var alone = try Sampler(parameters, vocabularySize: 500)
        let expected = try logits.map { try alone.sample($0) }
        var (first, second) = (try Sampler(parameters, vocabularySize: 500), try Sampler(parameters, vocabularySize: 500))
        for (step, row) in logits.enumerated() {
            #expect(try first.sample(row) == expected[step])
            if step % 2 == 0 { #expect(try second.sample(logits[step / 2]) == expected[step / 2]) }
        }
    }

    // MARK: - Greedy

    @Test(arguments: [
        SamplingParameters.greedy, SamplingParameters(topK: 1), SamplingParameters(temperature: 0, topK: 5, typicalP: 0.1),
    ])
    func greedyTakesTheFirstGreatest(parameters: SamplingParameters) throws {
        var random = SplitMix64(state: 13)
        for size in [1, 7, 64, 65, 1000, 4097] {
            var logits = random.logits(size)
            let best = Int.random(in: 0..<size, using: &random)
            logits[best] = 50
            logits[size - 1] = 50
            var sampler = try Sampler(parameters, vocabularySize: size)
            #expect(try sampler.sample(logits) == Int32(best))
        }
        var forbidden = [Float](repeating: -.infinity, count: 200)
        forbidden[137] = -3
        var sampler = try Sampler(parameters, vocabularySize: 200)
        #expect(try sampler.sample(forbidden) == 137)
    }

    @Test func extremeLogitsAndTemperatures() throws {
        for temperature: Float in [.leastNonzeroMagnitude, 1e-30, 1e-3] {
            var sampler = try Sampler(SamplingParameters(temperature: temperature), vocabularySize: 4)
            for _ in 0..<50 { #expect(try sampler.sample([1, 2, 1.5, -.infinity]) == 1) }
        }
        var sampler = try Sampler(SamplingParameters(topP: 0.99), vocabularySize: 4)
        let greatest = Float.greatestFiniteMagnitude
        for _ in 0..<50 { #expect(try sampler.sample([-greatest, greatest, -.infinity, -greatest]) == 1) }
    }

    // MARK: - Penalties and bias

    @Test func repetitionPenaltyLooksBackOverTheWindow() throws {
        let parameters = SamplingParameters(temperature: 0, repetitionPenalty: 2, penaltyWindow: 3)
        var sampler = try Sampler(parameters, vocabularySize: 6, prompt: [5, 0, 1, 2])
        // 5 has left the window; 0 is halved to 4.5, and -1 becomes -2.
        #expect(try sampler.sample([9, 0, 0, 0, 0, 5]) == 5)
        #expect(try sampler.sample([9, 0, 0, 0, 0, 8.9]) == 0)  // window: 1 2 5
        #expect(try sampler.sample([-1, -3, -3, -1.9, -3, -3]) == 3)  // window: 2 5 0
        var whole = try Sampler(
            SamplingParameters(temperature: 0, repetitionPenalty: 2, penaltyWindow: -1), vocabularySize: 6, prompt: [5, 0, 1, 2])
        #expect(try whole.sample([9, 0, 0, 4.6, 0, 9]) == 3)
        var none = try Sampler(
            SamplingParameters(temperature: 0, repetitionPenalty: 2, penaltyWindow: 0), vocabularySize: 6, prompt: [5, 0, 1, 2])
        #expect(try none.sample([9, 0, 0, 4.6, 0, 8]) == 0)
    }

    @Test func presenceAndFrequencyCountGeneratedTokensOnly() throws {
        var presence = try Sampler(SamplingParameters(temperature: 0, presencePenalty: 1), vocabularySize: 3, prompt: [0, 0, 0])
        #expect(try (0..<4).map { _ in try presence.sample([2, 1.5, 0]) } == [0, 1, 0, 0])
        var frequency = try Sampler(SamplingParameters(temperature: 0, frequencyPenalty: 0.4), vocabularySize: 3, prompt: [0, 0])
        #expect(try (0..<5).map { _ in try frequency.sample([2, 1.5, 0]) } == [0, 0, 1, 0, 1])
    }

    @Test func biasIsAddedAfterThePenalties() throws {
        let parameters = SamplingParameters(temperature: 0, repetitionPenalty: 2, logitBias: [0: 3, 2: -.infinity])
        var sampler = try Sampler(parameters, vocabularySize: 3, prompt: [0])
        #expect(try sampler.sample([4, 4.9, 100]) == 0)  // 4 / 2 + 3 = 5
        #expect(try sampler.sample([4, 5.1, 100]) == 1)
    }

    @Test func logitsAreGivenBackUnchanged() throws {
        var random = SplitMix64(state: 14)
        let original = random.logits(777)
        var logits = original
        let parameters = SamplingParameters(
            topK: 20, repetitionPenalty: 1.3, presencePenalty: 0.5, frequencyPenalty: 0.5, logitBias: [3: 2, 5: -.infinity])
        var sampler = try Sampler(parameters, vocabularySize: 777, prompt: [3, 4, 5])
        for _ in 0..<100 {
            _ = try logits.withUnsafeMutableBufferPointer { try sampler.sample($0) }
            #expect(logits == original)
        }
        logits[40] = .nan
        #expect(throws: InputError.self) { try logits.withUnsafeMutableBufferPointer { try sampler.sample($0) } }
        logits[40] = original[40]
        #expect(logits == original && sampler.step == 100)
    }

    @Test func logProbabilitiesAreTheModelsOwn() {
        var random = SplitMix64(state: 15)
        for size in [1, 8, 100, 5003] {
            let logits = random.logits(size)
            let greatest = Double(logits.max()!)
            let total = log(logits.reduce(0) { $0 + exp(Double($1) - greatest) }) + greatest
            for id in [0, size / 2, size - 1] {
                let value = logits.withUnsafeBufferPointer { Sampler.logProbability(of: Int32(id), in: $0) }
                #expect(abs(Double(value) - (Double(logits[id]) - total)) < 1e-5)
            }
        }
    }

    // MARK: - Bad input

    @Test func badLogitsAreErrors() throws {
        for parameters in [SamplingParameters.greedy, SamplingParameters(topK: 40), SamplingParameters(topP: 0.9)] {
            for bad in [Float.nan, .infinity] {
                for id in [0, 63, 64, 299] {
                    var sampler = try Sampler(parameters, vocabularySize: 300)
                    var logits = [Float](repeating: 1, count: 300)
                    logits[id] = bad
                    logits[(id + 1) % 300] = -.infinity
                    let error = #expect(throws: InputError.self) { try sampler.sample(logits) }
                    #expect(error?.location == "token \(id)")
                    #expect(sampler.step == 0)
                }
            }
            var sampler = try Sampler(parameters, vocabularySize: 300)
            #expect(throws: InputError.self) { try sampler.sample([Float](repeating: -.infinity, count: 300)) }
            #expect(throws: InputError.self) { try sampler.sample([Float](repeating: 0, count: 299)) }
        }
    }

    @Test(arguments: [
        ("temperature", SamplingParameters(temperature: -0.1)), ("temperature", SamplingParameters(temperature: .nan)),
        ("temperature", SamplingParameters(temperature: .infinity)), ("top-k", SamplingParameters(topK: -1)),
        ("top-p", SamplingParameters(topP: 1.1)), ("top-p", SamplingParameters(topP: .nan)),
        ("min-p", SamplingParameters(minP: -1)),
        ("typical-p", SamplingParameters(typicalP: 2)), ("repetition-penalty", SamplingParameters(repetitionPenalty: 0)),
        ("repetition-penalty", SamplingParameters(repetitionPenalty: .nan)),
        ("presence-penalty", SamplingParameters(presencePenalty: 3)),
        ("frequency-penalty", SamplingParameters(frequencyPenalty: -.infinity)),
        ("penalty-window", SamplingParameters(penaltyWindow: -2)),
        ("logit-bias", SamplingParameters(logitBias: [1: .nan])), ("logit-bias", SamplingParameters(logitBias: [50: 1])),
        ("logit-bias", SamplingParameters(logitBias: [-1: 1])), ("logit-bias", SamplingParameters(logitBias: [1: .infinity])),
    ])
    func parametersOutOfRangeAreErrors(subject: String, parameters: SamplingParameters) {
        let error = #expect(throws: InputError.self) { _ = try Sampler(parameters, vocabularySize: 50) }
        #expect(error?.subject == subject)
    }

    @Test func promptTokensOutsideTheVocabularyAreErrors() throws {
        for token: Int32 in [-1, 50, .max, .min] {
            #expect(throws: InputError.self) { try Sampler(.greedy, vocabularySize: 50, prompt: [token]) }
        }
        #expect(throws: InputError.self) { try Sampler(.greedy, vocabularySize: 0) }
    }
}
