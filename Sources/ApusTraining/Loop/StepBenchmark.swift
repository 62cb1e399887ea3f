import ApusAutograd
import ApusBase
import ApusDescription
import ApusLayers
import ApusModels
import ApusTensor

/// What whole steps of training reach: forward, backward, clipping and the optimizer's update, on random weights and tokens.
package struct StepBenchmark {
    /// Tokens of a step.
    package let tokens: Int
    /// Operations of a step that the model asks for, forward and backward: what is run again does not count.
    package let modelOperations: Double
    /// Operations a second that products in the type of compute could reach.
    package let peakOperationsPerSecond: Double
    /// Of the step in the middle, when all are sorted by their time.
    package private(set) var seconds = 0.0
    /// Of that step, in products of matrices and what they multiplied.
    package private(set) var products = ProductMeter()
    /// The most bytes of activations that were kept at once, and what the plan says of them.
    package private(set) var keptByteCount = 0
    package let plan: MemoryPlan

    package var tokensPerSecond: Double { Double(tokens) / seconds }
    /// Model FLOPs utilization (Chowdhery et al. 2022, appendix B).
    package var modelFlopsUtilization: Double { modelOperations / seconds / peakOperationsPerSecond }

    /// Takes a step to warm up and then `steps` more.
    /// - Parameters:
    ///   - configuration: its model, optimizer, precision and recompute, with `batch.micro` sequences of `data.sequence_length` tokens a step.
    ///   - check: called between steps; what it throws ends the work.
    ///   - notify: given lines for a person.
    /// - Throws: an `InputError` for what is wrong with the model or the memory.
    package init(
        _ configuration: TrainingConfiguration, on backend: CPUBackend, steps: Int, check: () throws -> Void, notify: (String) -> Void
    ) throws {
        let parts = try TrainingParts(configuration, threads: backend.threadCount, notify: notify), rule = configuration.optimizer.rule
        let length = configuration.data.sequenceLength
        tokens = configuration.batch.micro * length
        modelOperations = 3 * Double(parts.description.flopsPerToken(context: length)) * Double(tokens)
        plan = MemoryPlan(parts.plan)
        peakOperationsPerSecond = backend.measurePeak(of: configuration.precision.compute.type)
        let model = try parts.model(on: backend), pass = GradientPass(model)
        guard let state = OptimizerState(rule, parts.slices, on: backend) else { throw TrainingParts.noMemoryForState }
        let cache = try KeyValueCache(model.decoder, positions: length, dtype: .f32)
        let gradients = Rows(model.parameters.gradients, count: 1, width: model.parameters.elementCount)
        var results: [(seconds: Double, products: ProductMeter)] = []
        for step in 1...steps + 1 {
            try check()
            let batch = Self.batch(step, configuration, parts.description, cache: cache)
            model.tape.meter = ProductMeter()
            let start = ContinuousClock.now
            _ = try pass.run([batch])
            let clip = GradientClip(sumOfSquares: backend.sumOfSquares(gradients), maximum: configuration.optimizer.gradientClip)
            rule.update(
                OptimizerStep(number: step, learningRate: configuration.optimizer.learningRate, gradientScale: clip.factor),
                weights: model.parameters.weights, gradients: model.parameters.gradients, state: state, on: backend)
            backend.synchronize()
            if step > 1 { results.append((start.duration(to: .now).seconds, model.tape.meter!)) }
        }
        results.sort { $0.seconds < $1.seconds }
        (seconds, products) = results[results.count / 2]
        keptByteCount = model.tape.peakKeptByteCount
    }

    /// Random tokens, the next one to be predicted.
    private static func batch(
        _ step: Int, _ configuration: TrainingConfiguration, _ model: DecoderDescription, cache: KeyValueCache
    ) -> MicroBatch {
        let length = configuration.data.sequenceLength
        let sequences = (0..<configuration.batch.micro).map { index in
            var random = RandomStream(seed: UInt64(configuration.data.seed), step: step, sequence: index, site: .source), sequence = TrainingSequence()
            let ids = (0...length).map { _ in Int32.random(in: 0..<Int32(model.vocabularySize), using: &random) }
            (sequence.inputs, sequence.targets) = (Array(ids.dropLast()), Array(ids.dropFirst()))
            sequence.documents = [TrainingSequence.Document(rows: 0..<length)]
            if model.encoder != nil { sequence.encoder = TrainingSequence.Encoder(inputs: sequence.inputs, documents: [0..<length]) }
            return sequence
        }
        return MicroBatch(TrainingBatch(sequences: sequences), of: model, cache: cache) {
            RandomStream(seed: UInt64(configuration.data.seed), step: step, sequence: $0, site: .dropout)
        }
    }
}
