import ApusBase
import ApusCheckpoints
import ApusModels
import ApusTensor
import Glibc
import Testing

@testable import ApusTraining

/// Whole runs on tiny models: their losses are PyTorch's (Tests/Goldens/make_training.py), and nothing changes a bit of them.
@Suite struct TrainingRunTests {
    static let goldens = parentFolder(parentFolder(#filePath)) + "/Goldens/"

    /// One document, written once a folder.
    private static func data(in folder: ScratchFolder, steps: Int) throws -> String {
        let writer = try IndexedDatasetWriter(prefix: folder.path + "/data", vocabularySize: 97)
        let ids = (0..<steps * 128 + 1).map { (i: Int) -> Int32 in
            let number = 7 * i * i + 3 * i + i / 8
            return Int32(number % 97)
        }
        try writer.append(ids)
        try writer.finish()
        return folder.path + "/data"
    }

    private static func configuration(_ name: String, _ folder: ScratchFolder, steps: Int, _ more: [String] = []) throws -> TrainingConfiguration {
        let data = fileExists(folder.path + "/data.bin") ? folder.path + "/data" : try Self.data(in: folder, steps: 50)
        return try TrainingConfiguration(
            yaml: """
                model: {from: \(goldens)\(name)}
                data: {train: [\(data)], sequence_length: 32, shuffle: false}
                optimizer: {learning_rate: 1e-3}
                schedule: {total_steps: 50, warmup_steps: 5, minimum_learning_rate: 1e-4}
                batch: {micro: 2, accumulate: 2}
                checkpoint: {directory: \(folder.path)/run, every: 10}
                log: {every: 1, tensorboard: false}
                """, subject: "test", overrides: more)
    }

    private static func run(
        _ configuration: TrainingConfiguration, threads: Int = 2, resumes: Bool = false, until last: Int = .max
    ) throws -> (run: TrainingRun, losses: [Double]) {
        let run = try TrainingRun(configuration, on: try #require(CPUBackend(threads: threads)), resumes: resumes) { _ in }
        var losses: [Double] = []
        _ = try run.run(shouldStop: { run.step >= last }, show: { losses.append($0.loss!) })
        return (run, losses)
    }

    private static func weights(_ run: TrainingRun) -> [Float] {
        Array(UnsafeBufferPointer(start: run.model.parameters.weights.floats, count: run.model.parameters.elementCount))
    }

    @Test(arguments: ["llama/llama-gqa-tied", "families/gpt2-small"], [("f32", 1e-4), ("bf16", 2e-2), ("f16", 1e-2)])
    func lossesAreThoseOfPyTorch(name: String, precision: (type: String, tolerance: Double)) throws {
        let folder = ScratchFolder(), golden = try #require(try JSON(contentsOf: Self.goldens + "training.json")[name]?.array).map { $0.double! }
        let (_, losses) = try Self.run(
            Self.configuration(name, folder, steps: 50, ["precision.compute=\(precision.type)", "log.every=1"]))
        #expect(losses.count == 50)
        for (step, (loss, expected)) in zip(losses, golden).enumerated() {
            #expect(abs(loss - expected) <= precision.tolerance * expected, "\(name), \(precision.type), step \(step + 1): \(loss), not \(expected)")
        }
    }

    /// A run that was stopped and goes on ends with the weights of one that was not, whatever is run again and however many threads there are.
    @Test(arguments: ["f32", "bf16", "f16"]) func resumingChangesNoBit(type: String) throws {
        let name = "llama/llama-gqa-tied", whole = ScratchFolder(), parted = ScratchFolder()
        let settings = ["precision.compute=\(type)", "data.shuffle=true"]
        let (one, _) = try Self.run(Self.configuration(name, whole, steps: 50, settings), until: 17)
        _ = try Self.run(Self.configuration(name, parted, steps: 50, settings), until: 7)
        let (two, _) = try Self.run(
            Self.configuration(name, parted, steps: 50, settings + ["recompute.mode=full"]), threads: 1, resumes: true, until: 17)
        #expect(one.step == 17 && two.step == 17 && one.tokens == two.tokens)
        #expect(Self.weights(one) == Self.weights(two))
        #expect(zip(one.optimizer.storages, two.optimizer.storages).allSatisfy { $0.bytes.elementsEqual($1.bytes) })
    }

    @Test(
        arguments: [
            ("families/gpt2-small", "attn_pdrop is 0.1, embd_pdrop is 0.1, resid_pdrop is 0.1"), ("llama/llama-mha", nil),
        ] as [(String, String?)])
    func dropoutIsNamed(name: String, keys: String?) throws {
        let folder = ScratchFolder(), configuration = try Self.configuration(name, folder, steps: 50)
        var notes: [String] = []
        _ = try TrainingRun(configuration, on: try #require(CPUBackend(threads: 1)), resumes: false) { notes.append($0) }
        #expect(notes.filter { $0.contains("dropout") } == keys.map { ["\(Self.goldens)\(name)/config.json: trains with dropout: \($0)"] } ?? [])
    }

    /// A run may go on with other settings, and says which.
    @Test func resumingTellsWhatHasChanged() throws {
        let folder = ScratchFolder(), backend = try #require(CPUBackend(threads: 1))
        _ = try Self.run(Self.configuration("llama/llama-mha", folder, steps: 50), until: 2)
        func notes(_ settings: [String]) throws -> [String] {
            var notes: [String] = []
            _ = try TrainingRun(Self.configuration("llama/llama-mha", folder, steps: 50, settings), on: backend, resumes: true) { notes.append($0) }
            return notes.filter { $0.contains("other settings") }
        }
        #expect(try notes([]).isEmpty)
        let expected = "step-00000002 was made by other settings: optimizer.learning_rate is 0.002 and was 0.001, batch.micro is 1 and was 2"
        let found = try notes(["batch.micro=1", "optimizer.learning_rate=2e-3"])
        #expect(found.count == 1 && found[0].hasSuffix(expected), "\(found)")
    }

    /// The finished model is one that loads, with the run's weights.
    @Test(arguments: ["llama/qwen2-bias", "families/gemma-multi-query"]) func finishedModelLoads(name: String) throws {
        let folder = ScratchFolder()
        let (run, _) = try Self.run(Self.configuration(name, folder, steps: 50, ["schedule.total_steps=6", "schedule.warmup_steps=2"]))
        let loaded = try TrainedModel(
            ModelSource(path: folder.path + "/run/model"), type: .f32, recompute: .none, on: try #require(CPUBackend(threads: 2))
        ) { _, _ in }
        let values = Array(UnsafeBufferPointer(start: loaded.parameters.weights.floats, count: loaded.parameters.elementCount))
        #expect(zip(values, Self.weights(run)).allSatisfy { abs($0 - $1) <= 1e-6 * max(1, abs($1)) })
    }

    /// The finished model of a run that ends once more takes the place of the first one when it is whole, and not before.
    @Test func theFinishedModelIsReplacedByAWholeOne() throws {
        let folder = ScratchFolder(), path = folder.path + "/run/model"
        let configuration = try Self.configuration("llama/llama-mha", folder, steps: 50, ["schedule.total_steps=6", "schedule.warmup_steps=2"])
        _ = try Self.run(configuration)
        let files = fileNames(inFolder: path).sorted()
        let run = try TrainingRun(configuration, on: try #require(CPUBackend(threads: 2)), resumes: true) { _ in }
        // Where the new one would be written beside its place.
        let obstacle = "\(path).\(getpid()).partial"
        mkdir(obstacle, 0o755)
        #expect(throws: InputError.self) { try run.run(shouldStop: { false }, show: { _ in }) }
        #expect(!files.isEmpty && fileNames(inFolder: path).sorted() == files)
        removeFolder(obstacle)
        _ = try run.run(shouldStop: { false }, show: { _ in })
        #expect(fileNames(inFolder: path).sorted() == files && !fileExists(path + ".replaced"))
    }

    /// A model of its own takes the tokenizer that its data were read by into its folder.
    @Test func finishedModelHasItsTokenizer() throws {
        let folder = ScratchFolder(), text = try folder.write("text.txt", String(repeating: "The quick brown fox jumps over the lazy dog. ", count: 40))
        let configuration = try TrainingConfiguration(
            yaml: """
                model: {vocabulary_size: 1024, width: 16, layers: 1, heads: 2, context_length: 16}
                data: {train: [\(text)], tokenizer: \(Self.goldens)chat, sequence_length: 16}
                schedule: {total_steps: 2, warmup_steps: 1}
                batch: {micro: 1, accumulate: 1}
                checkpoint: {directory: \(folder.path)/run}
                """, subject: "test")
        _ = try Self.run(configuration)
        let made = try ModelSource(path: folder.path + "/run/model").tokenizer(), own = try ModelSource.tokenizer(path: Self.goldens + "chat")
        #expect(made.encode("The quick brown fox") == own.encode("The quick brown fox"))
    }

    /// A model of its own has its conversations written by the template beside the tokenizer.
    @Test func newModelsReadConversations() throws {
        let folder = ScratchFolder(), turns = #"[{"role": "user", "content": "fox?"}, {"role": "assistant", "content": "dog"}]"#
        let text = try folder.write("talk.jsonl", String(repeating: #"{"messages": "# + turns + "}\n", count: 8))
        let configuration = try TrainingConfiguration(
            yaml: """
                model: {vocabulary_size: 320, width: 16, layers: 1, heads: 2, context_length: 128}
                data: {train: [\(text)], tokenizer: \(Self.goldens)chat, sequence_length: 128}
                objective: {kind: instruction}
                schedule: {total_steps: 2, warmup_steps: 1}
                batch: {micro: 1, accumulate: 1}
                checkpoint: {directory: \(folder.path)/run}
                """, subject: "test")
        let (run, losses) = try Self.run(configuration)
        #expect(run.step == 2 && losses.allSatisfy { $0 > 0 })
    }

    /// The validation data are read anew each time, to the last, shorter batch: their loss is the mean over all their tokens.
    @Test func validationReadsAllDataEachTime() throws {
        let folder = ScratchFolder(), data = try Self.data(in: folder, steps: 2)
        let writer = try IndexedDatasetWriter(prefix: folder.path + "/held", vocabularySize: 97)
        for length in [100, 61, 70] { try writer.append((0..<length).map { Int32($0 * length % 97) }) }
        try writer.finish()
        let (run, _) = try Self.run(
            Self.configuration(
                "llama/llama-mha", folder, steps: 2,
                ["data.train=[\(data)]", "data.validation=[\(folder.path)/held]", "schedule.total_steps=2", "schedule.warmup_steps=1"]))
        let loader = try DataLoader(run.recipe.validation, micro: 100), batch = try #require(try loader.next())
        #expect(try loader.next() == nil && batch.sequences.count == 7)
        var batches = [MicroBatch(batch, of: run.model.decoder.description, cache: run.cache)]
        let whole = try run.pass.evaluate { batches.popLast() }, losses = try (0..<2).map { _ in try run.validationLoss() }
        #expect(whole.countedTokens == batch.countedTokens && losses[0] == losses[1] && abs(losses[0] - whole.crossEntropy) < 1e-9)
    }

    /// Weights that are spoilt on the way make the loss jump: the run goes back to a checkpoint before, and passes over the batches between.
    @Test func aSpikeSendsTheRunBack() throws {
        let folder = ScratchFolder()
        let configuration = try Self.configuration(
            "llama/llama-mha", folder, steps: 50,
            ["precision.compute=f32", "stability.spike_rollback=true", "schedule.total_steps=100", "checkpoint.keep=5"])
        let run = try TrainingRun(configuration, on: try #require(CPUBackend(threads: 2)), resumes: false) { _ in }
        _ = try run.run(shouldStop: { run.step >= 80 }, show: { _ in })
        let good = Self.weights(run)
        for index in good.indices { run.model.parameters.weights.floats[index] *= 8 }
        var steps: [Int] = []
        let result = try run.run(shouldStop: { false }, show: { steps.append($0.step) })
        #expect(run.spikes!.rollbacks == 1 && run.spikes!.skippedBatches == 81 - 60 + 20)
        #expect(steps.first == 61 && result.step == 100 && result.loss!.isFinite)
        // The same without rollback does not recover.
        let other = ScratchFolder(),
            left = try TrainingRun(
                Self.configuration("llama/llama-mha", other, steps: 50, ["precision.compute=f32", "schedule.total_steps=100"]),
                on: try #require(CPUBackend(threads: 2)), resumes: false
            ) { _ in }
        _ = try left.run(shouldStop: { left.step >= 80 }, show: { _ in })
        for index in good.indices { left.model.parameters.weights.floats[index] *= 8 }
        let worse = try left.run(shouldStop: { false }, show: { _ in }).loss!
        #expect(worse > result.loss! + 0.5, "\(worse), \(result.loss!)")
        let text = String(decoding: try FileReader.contents(of: folder.path + "/run/metrics.jsonl"), as: UTF8.self)
        let lines = try text.split(separator: "\n").map { line in
            try MetricsRecord(JSON(parsing: Array(line.utf8), subject: "metrics.jsonl"), subject: "metrics.jsonl")
        }
        #expect(lines.map(\.step) == Array(1...100) && lines.filter { $0.event != nil }.map(\.step) == [61])
    }

    @Test func aFolderHasOneRun() throws {
        let folder = ScratchFolder(), configuration = try Self.configuration("llama/llama-mha", folder, steps: 50, ["schedule.warmup_steps=1"])
        _ = try Self.run(configuration, until: 2)
        #expect(throws: InputError.self) { try Self.run(configuration) }
        let held = try TrainingRun(configuration, on: try #require(CPUBackend(threads: 1)), resumes: true) { _ in }
        #expect(throws: InputError.self) { try Self.run(configuration, resumes: true) }
        #expect(held.step == 2)
    }

    @Test func weightsThatAreNoNumbersAreRefused() throws {
        let folder = ScratchFolder(), configuration = try Self.configuration("llama/llama-mha", folder, steps: 50, ["schedule.warmup_steps=1"])
        do {
            let (run, _) = try Self.run(configuration, until: 1)
            run.model.parameters["norm.weight"].floats[3] = .nan
            let error = #expect(throws: InputError.self) { try run.save() }
            #expect(error?.location == "step 1" && error?.rule.hasPrefix("element 3 of norm.weight in weights is nan") == true)
            // A checkpoint that has them nevertheless.
            try run.store.save(run.groups, state: try #require(run.store.newestValid().checkpoint).state)
        }
        let error = #expect(throws: InputError.self) {
            let other = try TrainingRun(configuration, on: try #require(CPUBackend(threads: 1)), resumes: true) { _ in }
            _ = other.step
        }
        #expect(error?.location == "norm.weight" && error?.rule == "element 3 is nan", "\(error?.description ?? "none")")
    }

    /// While every step is skipped no checkpoint is written that would push out those with other weights.
    @Test func skippedStepsKeepTheCheckpoints() throws {
        let folder = ScratchFolder()
        let configuration = try Self.configuration("llama/llama-mha", folder, steps: 50, ["checkpoint.every=1", "checkpoint.keep=2"])
        let run = try TrainingRun(configuration, on: try #require(CPUBackend(threads: 2)), resumes: false) { _ in }
        _ = try run.run(shouldStop: { run.step >= 3 }, show: { _ in })
        run.model.parameters["norm.weight"].floats[3] = .nan
        #expect(throws: InputError.self) { try run.run(shouldStop: { false }, show: { _ in }) }
        #expect(run.step == 3 + run.updateGuard.limit && run.store.steps == [2, 3])
    }

    /// Moments that are no numbers would be hidden behind weights that are.
    @Test func momentsThatAreNoNumbersAreNotSaved() throws {
        let folder = ScratchFolder(), configuration = try Self.configuration("llama/llama-mha", folder, steps: 50, ["checkpoint.every=1"])
        let (run, _) = try Self.run(configuration, until: 2)
        run.optimizer.storages[1].floats[0] = .infinity
        #expect(throws: InputError.self) { try run.run(shouldStop: { run.step >= 3 }, show: { _ in }) }
        #expect(run.store.steps == [1, 2] && run.step == 3)
    }

    /// A loss whose gradients are finite, but not their squares, leaves weights and moments as they were, and the run stops.
    @Test(arguments: ["adamw", "adafactor", "lion", "sgd", "muon"]) func squaresThatOverflowAreSkipped(kind: String) throws {
        let folder = ScratchFolder()
        var configuration = try Self.configuration(
            "llama/llama-mha", folder, steps: 50, ["precision.compute=f32", "optimizer.kind=\(kind)", "optimizer.gradient_clip=0"])
        configuration.stability.zLoss = 1e25
        let run = try TrainingRun(configuration, on: try #require(CPUBackend(threads: 2)), resumes: false) { _ in }
        let before = Self.weights(run)
        let error = #expect(throws: InputError.self) { try run.run(shouldStop: { false }, show: { _ in }) }
        #expect(error?.description.contains("gradients are too great for squares in f32") == true, "\(error?.description ?? "none")")
        #expect(Self.weights(run) == before && run.updateGuard.skipped == run.updateGuard.limit)
    }

    /// A scale that overflows f16 is found out and halved; no step that is not finite reaches the weights.
    @Test func overflowsAreSkipped() throws {
        let folder = ScratchFolder()
        let configuration = try Self.configuration("llama/llama-mha", folder, steps: 50, ["precision.compute=f16"])
        let run = try TrainingRun(configuration, on: try #require(CPUBackend(threads: 2)), resumes: false) { _ in }
        try run.scaler!.restore(.object(["scale": .number(0x1p24), "good_steps": .integer(0)]), subject: "test")
        let result = try run.run(shouldStop: { run.step >= 30 }, show: { _ in })
        #expect(run.updateGuard.skipped > 0 && run.updateGuard.skipped < 24 && run.scaler!.scale < 0x1p24)
        #expect(result.loss!.isFinite && Self.weights(run).allSatisfy(\.isFinite))
    }
}
