import ApusBase
import ApusDescription
import ApusModels
import ApusTensor
import Testing

@testable import ApusTraining

/// Models without files to start from: the finished one is a folder that loads, with the same description and bits.
@Suite struct NewModelTests {
    private static let layerNorm = "norm: layer, gated: false, feed_forward_bias: true"
    private static let biased = layerNorm + ", attention_input_bias: true, attention_output_bias: true, position_offset: 2"

    static let descriptions = [
        "architecture: gptj, \(layerNorm), activation: gelu_tanh, topology: parallel, rotary_style: interleaved, rotary_fraction: 0.5, tied: false, head_bias: true",
        "architecture: gptj, \(layerNorm), activation: silu, topology: parallel, rotary_style: interleaved, head_bias: true, feed_forward_width: 96",
        "architecture: opt, \(biased), activation: relu, position: learned",
        "architecture: opt, norm: layer, gated: false, activation: gelu, position: learned, position_offset: 2, norm_placement: post, tied: false",
        "architecture: xglm, \(biased), activation: gelu, position: sinusoidal, scale_embedding: true",
        "architecture: xglm, \(biased), activation: relu, position: sinusoidal, tied: false, feed_forward_width: 96",
    ]

    private static func run(_ description: String, _ folder: ScratchFolder, notify: @escaping (String) -> Void = { _ in }) throws -> TrainingRun {
        let documents = (0..<20).map { (document: Int) -> [Int32] in (0..<40).map { Int32((7 * document + 3 * $0 * $0) % 97) } }
        let configuration = try TrainingConfiguration(
            yaml: """
                model: {vocabulary_size: 97, width: 32, layers: 2, heads: 4, context_length: 32, \(description)}
                data: {train: [\(try folder.write("data", documents: documents))], sequence_length: 16}
                schedule: {total_steps: 5, warmup_steps: 1}
                optimizer: {learning_rate: 1e-2}
                batch: {micro: 2, accumulate: 1}
                checkpoint: {directory: \(folder.path)/run}
                log: {tensorboard: false}
                """, subject: "test")
        let run = try TrainingRun(configuration, on: try #require(CPUBackend(threads: 2)), resumes: false, notify: notify)
        _ = try run.run(shouldStop: { false }, show: { _ in })
        return run
    }

    private static func expect(_ model: TrainedModel, at path: String) throws {
        let source = try ModelSource(path: path)
        #expect(source.notes.isEmpty && source.description == model.decoder.description)
        let loaded = try TrainedModel(source, type: .f32, recompute: .none, on: try #require(CPUBackend(threads: 2))) { _, missing in #expect(missing.isEmpty) }
        func weights(_ model: TrainedModel) -> UnsafeBufferPointer<Float> {
            UnsafeBufferPointer(start: model.parameters.weights.floats, count: model.parameters.elementCount)
        }
        #expect(weights(loaded).elementsEqual(weights(model)))
    }

    @Test(arguments: descriptions) func theFinishedModelLoads(description: String) throws {
        let folder = ScratchFolder(), run = try Self.run(description, folder)
        #expect(run.canWriteModel)
        try Self.expect(run.model, at: folder.path + "/run/model")
    }

    /// What no key describes: embeddings narrower than the model, as OPT-350M has them.
    @Test func aSmallOPT350MLoads() throws {
        let folder = ScratchFolder(), backend = try #require(CPUBackend(threads: 2))
        var description = Preset.named("opt-350m")[0].description
        (description.vocabularySize, description.width, description.contextLength, description.embedding.width) = (97, 32, 32, 16)
        description.layers = description.layers.prefix(2).map { layer in
            var layer = layer
            (layer.attention.heads, layer.attention.kvHeads, layer.attention.headSize, layer.feedForward.width) = (4, 4, 8, 64)
            return layer
        }
        let initialization = WeightInitialization(description: description, seed: 1)
        let model = try TrainedModel(description, type: .f32, recompute: .none, on: backend, draw: initialization.draw)
        var conversion = try ModelConversion(ModelSource(model, from: nil), to: folder.path + "/model", type: .f32)
        _ = try conversion.run(on: backend)
        try Self.expect(model, at: folder.path + "/model")
    }

    /// Logits without biases have no place in GPT-J's files, nor positions from the table's first row on in OPT's; Gemma's norms multiply by
    /// 1 + w, and what is written of ChatGLM's later kind has other keys.
    @Test func whatTheFilesCannotSayIsSaidBeforeTheRun() throws {
        for (description, word) in [
            (Self.descriptions[0].replacing("head_bias: true", with: "head_bias: false"), "head"),
            (Self.descriptions[2].replacing("position_offset: 2", with: "position_offset: 0"), "position"),
            ("architecture: chatglm", "the configuration of chatglm cannot hold it: ffn_hidden_size is missing"),
            ("architecture: gemma2", "norms"), ("architecture: gemma3_text", "norms"),
        ] {
            var notes: [String] = []
            let folder = ScratchFolder(), run = try Self.run(description, folder) { notes.append($0) }
            let note = notes.first { $0.hasPrefix("the finished model will not be written") }
            #expect(!run.canWriteModel && note?.contains(word) == true, "\(notes)")
            #expect(!fileExists(folder.path + "/run/model"))
        }
    }
}
