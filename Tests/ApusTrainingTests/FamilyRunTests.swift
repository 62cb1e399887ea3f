import ApusAutograd
import ApusBase
import ApusDescription
import ApusLayers
import ApusModels
import ApusTensor
import Testing

@testable import ApusTraining

/// Whole runs of models that are more than a causal decoder: GLM's two channels of positions, encoders with and without a decoder.
@Suite struct FamilyRunTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let model: String
        let objective: String
        /// The step size, and what the loss is at most at the end, as a part of that of the first step.
        let rate: Double
        let share: Double

        var testDescription: String { model }
    }

    static let cases = [
        Case(model: "families/chatglm-blank", objective: "{kind: blank_infilling, end_token: 94, mask_rate: 0.3}", rate: 3e-3, share: 0.5),
        Case(model: "families/chatglm-continuation", objective: "{kind: blank_infilling, blanks: rest, end_token: 94}", rate: 3e-3, share: 0.5),
        Case(model: "t5/training/t5-small", objective: "{kind: span_corruption, first_sentinel: 96, end_token: 1}", rate: 2e-2, share: 0.5),
        Case(model: "t5/training/t5-flan", objective: "{kind: span_corruption, first_sentinel: 96, end_token: 1}", rate: 3e-3, share: 0.5),
        Case(model: "masked/bert-masked", objective: "{kind: masked, mask_token: 4, mask_rate: 0.3}", rate: 3e-3, share: 0.8),
        Case(model: "masked/roberta-masked", objective: "{kind: masked, mask_token: 4, mask_rate: 0.3}", rate: 3e-3, share: 0.8),
        // No head in its files.
        Case(model: "encoders/bert-small", objective: "{kind: masked, mask_token: 4, mask_rate: 0.3}", rate: 3e-3, share: 0.8),
    ]

    /// Documents of 11 to 30 ids, each of which follows from the one before.
    private static func data(in folder: ScratchFolder) throws -> String {
        if fileExists(folder.path + "/data.bin") { return folder.path + "/data" }
        let documents = (0..<400).map { (document: Int) -> [Int32] in
            let count = 11 + document % 20
            return (0..<count).map { (index: Int) -> Int32 in
                let number = document + 3 * index
                return Int32(5 + number % 60)
            }
        }
        return try folder.write("data", documents: documents)
    }

    private static func configuration(_ example: Case, _ folder: ScratchFolder, _ more: [String] = []) throws -> TrainingConfiguration {
        let data = try data(in: folder)
        return try TrainingConfiguration(
            yaml: """
                model: {from: \(TrainingRunTests.goldens)\(example.model)}
                data: {train: [\(data)], validation: [\(data)], sequence_length: 48}
                objective: \(example.objective)
                optimizer: {learning_rate: \(example.rate)}
                schedule: {total_steps: 100, warmup_steps: 5}
                batch: {micro: 4, accumulate: 2}
                checkpoint: {directory: \(folder.path)/run, every: 10}
                log: {every: 1, validate_every: 100, tensorboard: false}
                """, subject: "test", overrides: more)
    }

    private static func run(
        _ configuration: TrainingConfiguration, threads: Int = 2, resumes: Bool = false, until last: Int = .max
    ) throws -> (run: TrainingRun, progress: [TrainingProgress]) {
        let run = try TrainingRun(configuration, on: try #require(CPUBackend(threads: threads)), resumes: resumes) { _ in }
        var progress: [TrainingProgress] = []
        _ = try run.run(shouldStop: { run.step >= last }, show: { progress.append($0) })
        return (run, progress)
    }

    private static func weights(_ model: TrainedModel) -> [Float] {
        Array(UnsafeBufferPointer(start: model.parameters.weights.floats, count: model.parameters.elementCount))
    }

    /// The loss falls, on data and on the same data read in order; the finished model is one that loads, with the run's weights.
    @Test(arguments: cases) func trains(example: Case) throws {
        let folder = ScratchFolder(), (run, progress) = try Self.run(Self.configuration(example, folder))
        let first = progress[0].loss!, last = progress.suffix(10).reduce(0) { $0 + $1.loss! } / 10, validation = try #require(progress.last!.validationLoss)
        #expect(
            progress.count == 100 && last <= example.share * first && validation <= example.share * first, "\(example.model): \(first), \(last), \(validation)")
        let loaded = try TrainedModel(
            ModelSource(path: folder.path + "/run/model"), type: .f32, recompute: .none, on: try #require(CPUBackend(threads: 2))
        ) { _, missing in #expect(missing.isEmpty) }
        #expect(loaded.decoder.description == run.model.decoder.description && Self.weights(loaded) == Self.weights(run.model))
    }

    /// A run that was stopped and goes on ends with the weights of one that was not, whatever is run again and however many threads there are.
    @Test(arguments: cases, ["f32", "bf16"]) func resumingChangesNoBit(example: Case, type: String) throws {
        let whole = ScratchFolder(), parted = ScratchFolder(), settings = ["precision.compute=\(type)"]
        let (one, _) = try Self.run(Self.configuration(example, whole, settings), until: 9)
        _ = try Self.run(Self.configuration(example, parted, settings), until: 4)
        let (two, _) = try Self.run(Self.configuration(example, parted, settings + ["recompute.mode=full"]), threads: 1, resumes: true, until: 9)
        #expect(one.step == 9 && two.step == 9 && Self.weights(one.model) == Self.weights(two.model))
    }

    /// What stands beside a document in its row changes no bit of its losses.
    @Test(arguments: cases) func packedDocumentsDoNotSeeEachOther(example: Case) throws {
        let folder = ScratchFolder(), configuration = try Self.configuration(example, folder, ["data.shuffle=false"])
        let run = try TrainingRun(configuration, on: try #require(CPUBackend(threads: 2)), resumes: false) { _ in }, model = run.model
        let batch = try #require(try run.loader.next()), workspace = Workspace(model.tape)
        func losses(_ micro: MicroBatch) throws -> [Float] {
            try model.tape.evaluate { () throws(InputError) -> TokenLosses in
                try model.decoder.losses(
                    micro.inputs, texts: micro.texts, targets: micro.targets, CrossEntropyOptions(gradientScale: 0), workspace: workspace)
            }.losses
        }
        let whole = MicroBatch(batch, of: model.decoder.description, cache: run.cache), all = try losses(whole)
        #expect(whole.inputs.count > batch.sequences.count && all.contains { $0 > 0 })
        var first = 0
        for index in whole.inputs.indices {
            let rows = first..<first + whole.inputs[index].ids.count
            #expect(try losses(whole.document(index, rows)) == Array(all[rows]), "document \(index)")
            first = rows.upperBound
        }
    }
}

extension MicroBatch {
    /// One of its documents alone.
    fileprivate func document(_ index: Int, _ rows: Range<Int>) -> MicroBatch {
        MicroBatch(inputs: [inputs[index]], texts: texts.isEmpty ? [] : [texts[index]], targets: Array(targets[rows]))
    }
}
