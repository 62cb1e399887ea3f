import ApusCheckpoints
import ApusTensor
import Testing

@testable import ApusLayers

/// Twenty steps against torch and transformers (Tests/Goldens/make_optimizers.py).
@Suite struct OptimizerTests {
    private static let sampled = SampledTraining()

    private static func optimizer(_ name: String) -> any Optimizer {
        switch name {
        case "adamw": return AdamW()
        case "lion": return Lion()
        case "adafactor", "adafactor-relative":
            var rule = Adafactor()
            (rule.weightDecay, rule.relativeStep) = (0.1, name == "adafactor-relative")
            return rule
        case "muon", "muon-bf16":
            var rule = Muon()
            rule.computeType = name == "muon" ? .f32 : .bf16
            return rule
        default:
            var rule = SGD()
            (rule.momentum, rule.nesterov, rule.weightDecay) = (name == "sgd" ? 0 : 0.9, name == "sgd-nesterov", 0.01)
            return rule
        }
    }

    static let names = [
        "adamw", "lion", "sgd", "sgd-momentum", "sgd-nesterov", "adafactor", "adafactor-relative", "muon", "muon-bf16",
    ]

    @Test(arguments: names, InstructionSet.allCases.filter(\.isSupported)) func followsTheReference(name: String, set: InstructionSet) throws {
        let backend = try #require(CPUBackend(threads: 2, instructionSet: set)), sampled = try #require(Self.sampled)
        let weights = try sampled.run([sampled.slices], Self.optimizer(name), on: backend)
        // Products of bf16 round differently from torch's, which also keeps its matrices in bf16.
        let tolerance: Float = name == "muon-bf16" ? 3e-3 : 3e-6
        for slice in sampled.slices {
            let expected = try sampled.tensor("\(name).\(slice.name)"), actual = weights[slice.offset..<slice.offset + slice.count]
            let error = zip(expected, actual).map { abs($0 - $1) }.max()!
            #expect(error <= tolerance * expected.map(abs).max()!, "\(name), \(slice.name): \(error)")
        }
    }

    /// Neither threads nor who owns which parameters change a bit.
    @Test(arguments: names) func shardsAreTheWhole(name: String) throws {
        let two = try #require(CPUBackend(threads: 2)), one = try #require(CPUBackend(threads: 1)), sampled = try #require(Self.sampled)
        let whole = try sampled.run([sampled.slices], Self.optimizer(name), on: two)
        let parted = try sampled.run([Array(sampled.slices[..<1]), Array(sampled.slices[1...])], Self.optimizer(name), on: one)
        #expect(whole == parted)
    }

    @Test func memoryIsKnownBeforeItIsTaken() throws {
        let slices = try #require(Self.sampled).slices
        #expect(slices.map(\.count) == [60, 60, 45, 5])
        // Each parameter in multiples of 16 elements.
        #expect(AdamW().byteCount(for: slices) == 2 * (64 + 64 + 48 + 16) * 4)
        #expect(Lion().byteCount(for: slices) == (64 + 64 + 48 + 16) * 4)
        var plain = SGD()
        plain.momentum = 0
        #expect(plain.byteCount(for: slices) == 0)
        // Rows and columns of each matrix, and the vector; beside them those of the greatest matrix.
        #expect(Adafactor().byteCount(for: slices) == ((16 + 16 + 16) + (16 + 16 + 16) + 16 + 16) * 4)
        // Momentum of hidden matrices, two moments of the others, and a matrix with two squares of its shorter side.
        #expect(Muon().byteCount(for: slices) == (128 + 2 * 64 + 60 + 72) * 4)
    }

    /// Infinite gradients make themselves known, and a bad update does not pass for a good one.
    @Test(arguments: names) func notANumberIsSeen(name: String) throws {
        let backend = try #require(CPUBackend(threads: 2)), sampled = try #require(Self.sampled)
        let gradients = try #require(backend.allocate(byteCount: sampled.elementCount * 4))
        let weights = try #require(backend.allocate(byteCount: sampled.elementCount * 4))
        for slice in sampled.slices { gradients.floats[slice.offset + 1] = .nan }
        #expect(backend.sumOfSquares(gradients.row(0..<sampled.elementCount)).isNaN)
        let rule = Self.optimizer(name), state = try #require(OptimizerState(rule, sampled.slices, on: backend))
        rule.update(OptimizerStep(number: 1, learningRate: 0.1), weights: weights, gradients: gradients, state: state, on: backend)
        for slice in sampled.slices { #expect(weights.floats[slice.offset + 1].isNaN) }
    }
}
