import ApusAutograd
import ApusDescription
import ApusLayers
import ApusModels
import ApusTensor
import Testing

@testable import ApusTraining

/// A tiny model that is trained on made-up tokens, a step at a time.
final class TinyTraining {
    /// What is to be told of each token.
    enum Task {
        /// The token after it: seven in ten times always the same one.
        case following
        /// The first token of the sequence.
        case first
    }

    let description: DecoderDescription
    let model: TrainedModel
    let pass: GradientPass
    let rule: any Optimizer
    let state: OptimizerState
    let backend: CPUBackend
    let cache: KeyValueCache
    let task: Task
    private var step = 0

    static let length = 32, sequences = 8

    init(
        _ task: Task = .following, rule: any Optimizer = AdamW(), type: DType = .f32, zLoss: Float = 0, initialization: DecoderDescription? = nil,
        change: (inout ModelDescriptionKeys) -> Void = { _ in }
    ) throws {
        var keys = ModelDescriptionKeys()
        (keys.vocabularySize, keys.width, keys.layers, keys.heads, keys.contextLength) = (64, 32, 2, 4, Self.length)
        change(&keys)
        let description = keys.description, backend = try #require(CPUBackend(threads: 1))
        let first = WeightInitialization(description: initialization ?? description, seed: 1)
        model = try TrainedModel(description, type: type, recompute: .none, on: backend, draw: first.draw)
        pass = GradientPass(model, zLoss: zLoss)
        state = try #require(OptimizerState(rule, OptimizerSlice.all(of: description, decayAll: false), on: backend))
        cache = try KeyValueCache(model.decoder, positions: Self.length, dtype: .f32)
        (self.description, self.rule, self.backend, self.task) = (description, rule, backend, task)
    }

    /// Weights of a parameter.
    func weights(_ name: String) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: model.parameters[name].floats, count: model.parameters.entries.first { $0.name == name }!.count)
    }

    /// Its gradient of the last pass.
    func gradient(_ name: String) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: model.parameters.gradient(name).floats, count: weights(name).count)
    }

    func scale(_ names: String..., by factor: Float) {
        for entry in model.parameters.entries where names.contains(where: { entry.name.hasSuffix($0) }) {
            for index in 0..<entry.count { model.parameters[entry.name].floats[index] *= factor }
        }
    }

    func batch(_ number: Int) throws -> MicroBatch {
        let sequences = (0..<Self.sequences).map { index in
            var random = RandomStream(seed: 7, step: number, sequence: index, site: .corruption), sequence = TrainingSequence()
            var ids = [Int32.random(in: 0..<64, using: &random)]
            while ids.count <= Self.length {
                ids.append(random.uniform() < 0.7 ? (ids.last! * 5 + 3) % 64 : Int32(64 * random.uniform() * random.uniform()))
            }
            sequence.inputs = Array(ids.dropLast())
            sequence.targets = task == .following ? Array(ids.dropFirst()) : ids.dropLast().map { _ in ids[0] }
            sequence.documents = [TrainingSequence.Document(rows: 0..<Self.length)]
            return sequence
        }
        return MicroBatch(TrainingBatch(sequences: sequences), of: description, cache: cache)
    }

    var gradients: Rows { Rows(model.parameters.gradients, count: 1, width: model.parameters.elementCount) }

    /// The gradient of a batch, and its loss.
    @discardableResult
    func differentiate(_ number: Int, lossScale: Float = 1) throws -> GradientPass.Loss { try pass.run([batch(number)], lossScale: lossScale) }

    /// Updates the weights by the gradient, of whatever numbers it is made.
    func update(rate: Double, clip: Double = 0, lossScale: Double = 1) {
        step += 1
        let factor = GradientClip(sumOfSquares: backend.sumOfSquares(gradients), lossScale: lossScale, maximum: clip).factor
        rule.update(
            OptimizerStep(number: step, learningRate: rate, gradientScale: factor), weights: model.parameters.weights,
            gradients: model.parameters.gradients, state: state, on: backend)
    }

    /// The losses of some steps.
    @discardableResult
    func train(steps: Int, rate: Double, clip: Double = 0) throws -> [Double] {
        try (1...steps).map { number in
            let loss = try differentiate(number).crossEntropy
            update(rate: rate, clip: clip)
            return loss
        }
    }

    /// On a batch that was never trained on.
    func evaluate() throws -> GradientPass.Loss {
        var batches = [try batch(1_000_000)]
        return try pass.evaluate { batches.popLast() }
    }
}

/// The root of the mean square.
func rms(_ values: UnsafeMutableBufferPointer<Float>) -> Double {
    (values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)).squareRoot()
}
