import ApusAutograd
import ApusDescription
import ApusModels
import ApusTensor
import Testing

@testable import ApusTraining

/// What the tape keeps of a pass, against the plan's formula.
@Suite struct MeasuredMemoryTests {
    private static let shapes: [(name: String, change: @Sendable (inout ModelDescriptionKeys) -> Void)] = [
        ("LLaMA", { _ in }),
        ("grouped queries", { ($0.heads, $0.keyValueHeads, $0.headSize) = (6, 2, 24) }),
        ("multi-query, tall", { ($0.keyValueHeads, $0.layers, $0.width) = (1, 7, 48) }),
        (
            "GPT-2",
            {
                ($0.norm, $0.gated, $0.activation, $0.position) = (.layer, false, .gelu_tanh, .learned)
                ($0.attentionInputBias, $0.attentionOutputBias, $0.feedForwardBias) = (true, true, true)
            }
        ),
        ("query and key norms, norm of the embedding", { ($0.queryKeyNorm, $0.embeddingNorm) = (true, true) }),
        ("norms after", { $0.normPlacement = .post }), ("DeepNorm", { $0.normPlacement = .deep_norm }), ("sandwich", { $0.normPlacement = .sandwich }),
        ("ChatGLM's residual", { $0.normPlacement = .normed_residual }), ("parallel", { $0.topology = .parallel }),
        ("parallel, two norms", { $0.topology = .parallel_two_norms }), ("untied, ALiBi", { ($0.tied, $0.position) = (false, .alibi) }),
    ]

    @Test(arguments: shapes.indices, MemoryPlan.Recompute.allCases) func isThePlans(shape: Int, mode: MemoryPlan.Recompute) throws {
        for type in [DType.f32, .bf16] {
            var keys = ModelDescriptionKeys()
            (keys.vocabularySize, keys.width, keys.layers, keys.heads, keys.contextLength) = (500, 96, 4, 4, 80)
            Self.shapes[shape].change(&keys)
            let description = keys.description, backend = try #require(CPUBackend(threads: 1)), draw = WeightInitialization(description: description, seed: 1)
            let model = try TrainedModel(description, type: type, recompute: Tape.Recompute(rawValue: mode.rawValue)!, on: backend, draw: draw.draw)
            let cache = try KeyValueCache(model.decoder, positions: 80, dtype: .f32)
            let inputs = (0..<3).map { row in SequenceInput(ids: (0..<80).map { Int32($0 * 7 + row) % 500 }, position: 0, cache: cache, logits: 0..<0) }
            let batch = MicroBatch(inputs: inputs, targets: (0..<240).map { Int32($0) })
            _ = try GradientPass(model).run([batch])
            let plan = MemoryPlan(
                .init(description, microBatch: 3, sequenceLength: 80, computeByteCount: type == .f32 ? 4 : 2, recompute: mode))
            let measured = Double(model.tape.peakKeptByteCount), planned = Double(plan.activations)
            #expect(abs(measured / planned - 1) <= 0.05, "\(Self.shapes[shape].name), \(type), \(mode): measured \(measured), planned \(planned)")
        }
    }

    /// A decoder of three blocks that attends to a text, and its encoder of two.
    @Test(arguments: MemoryPlan.Recompute.allCases) func isThePlansWithAnEncoder(mode: MemoryPlan.Recompute) throws {
        var keys = ModelDescriptionKeys()
        (keys.vocabularySize, keys.width, keys.layers, keys.heads, keys.contextLength, keys.position) = (500, 96, 3, 4, 256, .none)
        var description = keys.description, full = description.layers[0].attention
        full.mask = .full
        for index in 0..<3 { description.layers[index].crossAttention = full }
        let encoderLayer = LayerDescription(attention: full, feedForward: description.layers[0].feedForward)
        description.encoder = EncoderDescription(layers: [encoderLayer, encoderLayer], position: .none, startToken: 0)
        var sequence = TrainingSequence()
        sequence.inputs = (0..<256).map { Int32($0) }
        sequence.targets = sequence.inputs
        sequence.documents = [TrainingSequence.Document(rows: 0..<256)]
        sequence.encoder = TrainingSequence.Encoder(inputs: sequence.inputs, documents: [0..<256])
        for type in [DType.f32, .bf16] {
            let draw = WeightInitialization(description: description, seed: 1), recompute = try #require(Tape.Recompute(rawValue: mode.rawValue))
            let model = try TrainedModel(description, type: type, recompute: recompute, on: try #require(CPUBackend(threads: 2)), draw: draw.draw)
            let cache = try KeyValueCache(model.decoder, positions: 256, dtype: .f32)
            _ = try GradientPass(model).run([MicroBatch(TrainingBatch(sequences: [sequence]), of: description, cache: cache)])
            let plan = MemoryPlan(.init(description, microBatch: 1, sequenceLength: 256, computeByteCount: type == .f32 ? 4 : 2, recompute: mode))
            let measured = Double(model.tape.peakKeptByteCount), planned = Double(plan.activations)
            #expect(abs(measured / planned - 1) <= 0.05, "\(type), \(mode): measured \(measured), planned \(planned)")
        }
    }
}
