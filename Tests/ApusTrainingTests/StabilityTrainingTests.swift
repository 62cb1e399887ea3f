import ApusDescription
import ApusLayers
import ApusModels
import ApusTensor
import Glibc
import Testing

@testable import ApusTraining

/// The measures that keep a training stable, each beside the same training without it: there what it is for goes wrong.
@Suite struct StabilityTrainingTests {
    private func sgd(momentum: Double = 0) -> SGD {
        var rule = SGD()
        (rule.momentum, rule.weightDecay) = (momentum, 0)
        return rule
    }

    /// log Z of the softmax is free to be anything, and starts at log V = 4.2 and grows; z-loss keeps it near 0 (PaLM).
    @Test func zLossKeepsLogZNearZero() throws {
        let losses = try [0, 0.1].map { (factor: Float) in
            let training = try TinyTraining(zLoss: factor)
            try training.train(steps: 60, rate: 3e-2, clip: 1)
            return try training.evaluate()
        }
        #expect(losses[0].squaredLogSum > 20 && losses[1].squaredLogSum < 1, "log²Z \(losses.map(\.squaredLogSum))")
        #expect(losses[1].crossEntropy < losses[0].crossEntropy + 0.1)
    }

    /// 64 blocks with norms after them learn by DeepNorm's scaled residual and first values; without either not (Wang et al. 2022).
    @Test func deepModelsLearnByDeepNorm() throws {
        let layers = 64
        func loss(scalesResidual: Bool, scalesWeights: Bool) throws -> Double {
            func shape(_ keys: inout ModelDescriptionKeys) {
                (keys.layers, keys.width, keys.heads, keys.norm, keys.gated, keys.activation) = (layers, 16, 2, .layer, false, .relu)
                keys.normPlacement = .deep_norm
            }
            let deep = try TinyTraining(change: shape).description
            let training = try TinyTraining(initialization: deep) {
                shape(&$0)
                if !scalesResidual { $0.normPlacement = .post }
            }
            if !scalesWeights {
                let names = ["value", "output", "up", "down"].map { "." + $0 + ".weight" }
                for name in names { training.scale(name, by: pow(8 * Float(layers), 0.25)) }
            }
            return try training.train(steps: 40, rate: 1e-2).last!
        }
        let with = try loss(scalesResidual: true, scalesWeights: true)
        #expect(with < 3)
        #expect(try loss(scalesResidual: false, scalesWeights: true) > 3.8)
        #expect(try loss(scalesResidual: false, scalesWeights: false) > 4.1)
        #expect(try loss(scalesResidual: true, scalesWeights: false) > with + 0.1)
    }

    /// An embedding that has grown drowns what the blocks add to it; the norm behind it takes its size away (BLOOM).
    @Test func embeddingNormKeepsBlocksHeard() throws {
        func run(norm: Bool, factor: Float) throws -> (gradient: Double, loss: Double) {
            let training = try TinyTraining(.first) { ($0.embeddingNorm, $0.tied) = (norm, false) }
            training.scale("embedding.weight", by: factor)
            try training.differentiate(1)
            let gradient = rms(training.gradient("layers.0.feedForward.down.weight"))
            return (gradient, try training.train(steps: 80, rate: 1e-2).last!)
        }
        let usual = try run(norm: true, factor: 1), with = try run(norm: true, factor: 1000)
        let small = try run(norm: false, factor: 1), without = try run(norm: false, factor: 1000)
        #expect(abs(with.gradient / usual.gradient - 1) < 0.2 && without.gradient < small.gradient / 100)
        #expect(with.loss < 3.7 && without.loss > 3.95, "\(with.loss), \(without.loss)")
    }

    /// A small embedding before a norm has a gradient that dwarfs all others: clipped by the norm of all, they come to nothing (GLM-130B).
    @Test func embeddingGradientLeavesRoomForOthers() throws {
        func run(scale: Float) throws -> (share: Double, update: Double) {
            let training = try TinyTraining(rule: sgd()) { $0.tied = false }
            training.scale("embedding.weight", by: 0.01)
            training.model.tape.embeddingGradientScale = scale
            try training.differentiate(1)
            let all = training.backend.sumOfSquares(training.gradients), values = training.gradient("embedding.weight")
            let own = values.reduce(0.0) { $0 + Double($1) * Double($1) }, head = training.gradient("head.weight"), expected = rms(head)
            let before = Array(training.weights("head.weight"))
            training.update(rate: 1, clip: 1)
            let change = zip(training.weights("head.weight"), before).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }
            return ((own / (all - own)).squareRoot(), (change / Double(before.count)).squareRoot() / expected)
        }
        let without = try run(scale: 1), with = try run(scale: 0.1)
        #expect(without.share > 30 && with.share < 5, "\(without.share), \(with.share)")
        #expect(without.update < 0.25 && with.update > 0.9, "\(without.update), \(with.update)")
    }

    /// At a high learning rate the scores of attention grow without bound, but between queries and keys that are normed (Dehghani et al. 2023).
    @Test func queryKeyNormBoundsTheScores() throws {
        func run(norm: Bool, factor: Float) throws -> (first: Double, last: Double) {
            let training = try TinyTraining { $0.queryKeyNorm = norm }
            training.scale("query.weight", "key.weight", by: factor)
            let first = largestScore(training)
            try training.train(steps: 60, rate: 0.1, clip: 1)
            return (first, largestScore(training))
        }
        let with = try run(norm: true, factor: 1), grown = try run(norm: true, factor: 30)
        let without = try run(norm: false, factor: 1), grownWithout = try run(norm: false, factor: 30)
        #expect(abs(grown.first / with.first - 1) < 0.05 && grownWithout.first > 500 * without.first, "\(with), \(grown), \(without), \(grownWithout)")
        #expect(without.last > 8 * with.last && grownWithout.last > 8 * grown.last, "\(with), \(grown), \(without), \(grownWithout)")
    }

    /// Of the first block, over all tokens at one place: |q · k| / √D.
    private func largestScore(_ training: TinyTraining) -> Double {
        let c = training.description.width, attention = training.description.layers[0].attention, d = attention.headSize
        func normed(_ x: [Double], _ name: String) -> [Double] {
            let mean = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
            return zip(x, training.weights(name)).map { $0 / (mean + 1e-5).squareRoot() * Double($1) }
        }
        func heads(_ x: [Double], _ name: String) -> [[Double]] {
            let weights = training.weights("layers.0.attention.\(name).weight")
            let all = (0..<attention.heads * d).map { row in (0..<c).reduce(0.0) { $0 + x[$1] * Double(weights[row * c + $1]) } }
            let split = (0..<attention.heads).map { Array(all[$0 * d..<($0 + 1) * d]) }
            return attention.queryKeyNorm == nil ? split : split.map { normed($0, "layers.0.attention.\(name)Norm.weight") }
        }
        let embedding = training.weights("embedding.weight")
        let tokens = (0..<64).map { token in normed((0..<c).map { Double(embedding[token * c + $0]) }, "layers.0.attentionNorm.weight") }
        let queries = tokens.map { heads($0, "query") }, keys = tokens.map { heads($0, "key") }
        var largest = 0.0
        for q in queries {
            for k in keys {
                for head in 0..<attention.heads { largest = max(largest, abs(zip(q[head], k[head]).reduce(0) { $0 + $1.0 * $1.1 })) }
            }
        }
        return largest / Double(d).squareRoot()
    }

    /// At a learning rate that is too high a step of unbounded length ruins the weights (Pascanu et al. 2013).
    @Test func clippingKeepsStepsShort() throws {
        let losses = try [0, 0.1].map { try TinyTraining(rule: sgd(momentum: 0.9)).train(steps: 60, rate: 3, clip: $0).last! }
        #expect(!losses[0].isFinite || losses[0] > 10)
        #expect(losses[1] < 2.6)
    }

    /// One step with a gradient that overflowed spoils weights and moments for good; the guard does not let it through.
    @Test func theGuardKeepsWeightsFinite() throws {
        let training = try TinyTraining(type: .f16), scale = 0x1p60
        let loss = try training.differentiate(1, lossScale: Float(scale)).crossEntropy
        let clip = GradientClip(sumOfSquares: training.backend.sumOfSquares(training.gradients), lossScale: scale, maximum: 1)
        var updateGuard = UpdateGuard.withLossScale
        #expect(try !updateGuard.allows(step: 1, loss: loss, gradientNorm: clip.norm, lossScale: scale))
        #expect(try training.evaluate().crossEntropy.isFinite)
        // Without it:
        training.update(rate: 1e-3, clip: 1, lossScale: scale)
        #expect(try !training.evaluate().crossEntropy.isFinite)
        try training.train(steps: 3, rate: 1e-3, clip: 1)
        #expect(try !training.evaluate().crossEntropy.isFinite)
    }
}
