import ApusBase
import Glibc
import Testing

@testable import ApusTraining
@testable import checkpoint_probe

/// Checkpoints of training: what they hold, and what becomes of damaged ones.
@Suite struct CheckpointTests {
    private let scratch = ScratchFolder(memory: true)
    private var directory: String { scratch.path + "/run" }
    private let sample = SampleRun()

    private func store(keep: Int = 10) throws -> CheckpointStore { try CheckpointStore(directory: directory, keep: keep) }

    @Test func aCheckpointComesBackAsItWas() throws {
        let store = try store()
        #expect(store.newestValid().checkpoint == nil)
        for step in [1, 200, 123_456_789] { try sample.save(step, to: store) }
        #expect(fileNames(inFolder: directory).sorted() == ["run.lock", "step-00000001", "step-00000200", "step-123456789"])
        let files = fileNames(inFolder: store.path(ofStep: 200)).sorted()
        let buffers = ["optimizer.first_moment.safetensors", "optimizer.second_moment.safetensors"]
        #expect(files == ["COMPLETE", "manifest.json"] + buffers + ["state.json", "weights.safetensors"])
        for limit in [1, 150, 200, .max] {
            let found = store.newestValid(upTo: limit)
            let checkpoint = try #require(found.checkpoint)
            #expect(checkpoint.state.step == (limit == .max ? 123_456_789 : limit == 200 ? 200 : 1))
            #expect(found.skipped.isEmpty)
            let fault = try sample.fault(in: checkpoint)
            #expect(fault == nil)
        }
    }

    @Test func theNewestAreKept() throws {
        let store = try store(keep: 3)
        for step in 1...6 {
            try sample.save(step * 10, to: store)
            #expect(store.steps == (max(1, step - 2)...step).map { $0 * 10 })
        }
        store.remove(after: 40)
        #expect(store.steps == [40])
    }

    @Test func aStepIsWrittenAgain() throws {
        let store = try store(keep: 2)
        try sample.save(5, to: store)
        try SampleRun(noteByteCount: 77).save(5, to: store)
        let checkpoint = try #require(store.newestValid().checkpoint)
        let fault = try SampleRun(noteByteCount: 77).fault(in: checkpoint)
        #expect(fault == nil)
        #expect(fileNames(inFolder: directory).sorted() == ["run.lock", "step-00000005"])
    }

    // MARK: Damage

    private static let files = [
        "COMPLETE", "manifest.json", "optimizer.first_moment.safetensors", "optimizer.second_moment.safetensors", "state.json", "weights.safetensors",
    ]

    /// The older checkpoint is taken, and the message names the file.
    private func expectOlder(_ store: CheckpointStore, naming file: String, _ damage: String) throws {
        let found = store.newestValid()
        #expect(found.checkpoint?.state.step == 1, "\(file), \(damage)")
        let skipped = try #require(found.skipped.first, "\(file), \(damage)")
        #expect(found.skipped.count == 1)
        #expect(skipped.description.contains("step-00000002"), "\(skipped)")
        #expect(skipped.description.contains(file), "\(skipped)")
    }

    @Test(arguments: files) func aDamagedFileIsFound(file: String) throws {
        let store = try store()
        try sample.save(1, to: store)
        try sample.save(2, to: store)
        let path = store.path(ofStep: 2) + "/" + file
        let whole = try FileReader.contents(of: path)
        // Where the marker is wrong it is the manifest that does not fit it.
        let named = file == "COMPLETE" ? "COMPLETE" : file
        for count in [0, 1, whole.count / 2, whole.count - 1] {
            try write(Array(whole[..<count]), path)
            try expectOlder(store, naming: named, "cut to \(count) bytes")
        }
        try write(whole + [10], path)
        try expectOlder(store, naming: named, "a byte more")
        for position in Set(stride(from: 0, to: whole.count, by: max(1, whole.count / 97))).union([whole.count - 1]) {
            var bytes = whole
            bytes[position] ^= 1 << UInt8(position % 8)
            try write(bytes, path)
            try expectOlder(store, naming: named, "a bit of byte \(position)")
        }
        unlink(path)
        try expectOlder(store, naming: named, "removed")
        try write(whole, path)
        #expect(store.newestValid().checkpoint?.state.step == 2)
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        let file = try AtomicFile(path: path)
        try file.write(bytes)
        try file.commit()
    }

    /// What is damaged neither counts among those to keep nor is lost, however often a step is.
    @Test func damagedCheckpointsPushNoValidOneOut() throws {
        let store = try store(keep: 2)
        for step in [1, 2] { try sample.save(step, to: store) }
        for name in ["damaged", "damaged-2"] {
            try sample.save(3, to: store)
            #expect(truncate(store.path(ofStep: 3) + "/weights.safetensors", 10) == 0)
            let found = store.newestValid(), aside = try store.setAside(after: 2)
            #expect(found.checkpoint?.state.step == 2 && aside == ["\(directory)/step-00000003.\(name)"])
            #expect(store.steps == [2])
        }
        try sample.save(3, to: store)
        #expect(store.steps == [2, 3])
        try sample.save(4, to: store)
        #expect(store.steps == [3, 4])
        #expect(fileExists(directory + "/step-00000003.damaged/manifest.json") && fileExists(directory + "/step-00000003.damaged-2/manifest.json"))
    }

    @Test func aCheckpointUnderAnotherNameIsNone() throws {
        do {
            let store = try store()
            try sample.save(1, to: store)
            try sample.save(2, to: store)
            rename(store.path(ofStep: 2), store.path(ofStep: 3))
            let found = store.newestValid()
            #expect(found.checkpoint?.state.step == 1)
            #expect(found.skipped.first?.description.contains("is 2, where the folder's name says 3") == true)
            rename(store.path(ofStep: 3), directory + "/step-00000003.77.partial")
            #expect(store.steps == [1])
        }
        // A new run cleans up.
        let store = try store()
        #expect(fileNames(inFolder: directory).sorted() == ["run.lock", "step-00000001"])
        #expect(store.newestValid().skipped.isEmpty)
    }

    @Test(arguments: [false, true]) func aReplacementCutShortIsUndone(newIsThere: Bool) throws {
        do {
            let store = try store()
            try sample.save(1, to: store)
            rename(store.path(ofStep: 1), store.path(ofStep: 1) + ".replaced")
            if newIsThere { try SampleRun(noteByteCount: 3).save(1, to: store) }
        }
        let store = try store()
        #expect(fileNames(inFolder: directory).sorted() == ["run.lock", "step-00000001"])
        let fault = try SampleRun(noteByteCount: newIsThere ? 3 : 20).fault(in: #require(store.newestValid().checkpoint))
        #expect(fault == nil)
    }

    /// The same for the finished model of a run; without a run it is someone else's.
    @Test(arguments: [false, true]) func aModelsReplacementCutShortIsUndone(hasRun: Bool) throws {
        mkdir(directory, 0o755)
        if hasRun { try write([10], directory + "/metrics.jsonl") }
        let model = directory + "/model", aside = model + ".replaced"
        for newIsThere in [false, true] {
            for folder in [aside, aside + "/1_Pooling"] {
                mkdir(folder, 0o755)
                try write([1], folder + "/config.json")
            }
            if newIsThere, !fileExists(model) { mkdir(model, 0o755) }
            _ = try store()
            #expect(fileExists(aside) == !hasRun && fileExists(model + "/config.json") == hasRun)
        }
    }

    /// What a run that was killed was writing goes when the next one begins; other files stay. A model is a run's where one has been.
    @Test(arguments: [false, true]) func whatAKilledRunLeftIsRemoved(hasRun: Bool) throws {
        mkdir(directory, 0o755)
        let left = [
            "metrics.jsonl.77.partial", "report.html.77.partial", "tokens-77-0-0.partial.bin", "tokens-77-0-0.partial.idx.77.partial",
            "tokens-77-1-2-validation.partial.bin.77.partial", "tokens-77-0-0.bin.77.partial",
        ]
        let others = [
            "metrics.jsonl", "model.gguf.77.partial", "notes.77.partial", "report.html.old.partial", "tokens-2026-10-12.bin", "tokens-a.partial",
        ]
        for name in left + others { try write(hasRun ? [10] : [], directory + "/" + name) }
        let model = directory + "/model.77.partial"
        for folder in [model, model + "/1_Pooling"] {
            mkdir(folder, 0o755)
            try write([1], folder + "/config.json")
        }
        _ = try store()
        #expect(Set(fileNames(inFolder: directory)) == Set(others + ["run.lock"] + (hasRun ? [] : ["model.77.partial"])))
        #expect(hasRun || fileExists(model + "/1_Pooling/config.json"))
    }

    @Test func anotherModelIsRefused() throws {
        let store = try store()
        try sample.save(1, to: store)
        let checkpoint = try #require(store.newestValid().checkpoint)
        func message(_ sample: SampleRun) -> String {
            do throws(InputError) { return try sample.fault(in: checkpoint) ?? "none" } catch { return error.description }
        }
        var other = SampleRun(elements: 505)
        #expect(message(other).contains("layers.0.query.weight: has the shape [100, 5], where [101, 5] is needed"))
        other = SampleRun(optimizerBuffers: ["optimizer.momentum"])
        #expect(message(other).contains("step-00000001: holds no optimizer.momentum"))
        let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: 3)
        defer { values.deallocate() }
        #expect(throws: InputError.self) { try checkpoint.load("weights", into: [.init("norm.weight", shape: [3], values)]) }
        #expect(throws: InputError.self) { try checkpoint.load("weights", into: [.init("norm.bias", shape: [3], values)]) }
    }
}
