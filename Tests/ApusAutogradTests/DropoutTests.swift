import ApusAutograd
import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusLayers
import ApusTensor
import Glibc
import Testing

@testable import ApusModels

/// Gradients under dropout: those of transformers' models with the same random numbers (Tests/Goldens/make_dropout.py), whatever is run again.
@Suite struct DropoutTests {
    static let rates = Array(try! JSON(contentsOf: GradientTests.folder + "dropout/rates.json").object!.keys)

    /// A golden model's folder with other rates in its configuration.
    private final class Folder {
        let path: String

        init(_ name: String) throws {
            var template = Array("/tmp/apus-dropout-XXXXXX".utf8CString)
            path = String(cString: mkdtemp(&template))
            let golden = GradientTests.folder + name
            for file in fileNames(inFolder: golden) where file != "config.json" { symlink(golden + "/" + file, path + "/" + file) }
            var config = try #require(try JSON(contentsOf: golden + "/config.json").object)
            for (key, rate) in try JSON(contentsOf: GradientTests.folder + "dropout/rates.json")[name]?.object?.members ?? [] { config[key] = rate }
            try write(config)
        }

        func write(_ config: JSONObject) throws {
            let file = try AtomicFile(path: path + "/config.json")
            try file.write(Array(JSON.object(config).serialized().utf8))
            try file.commit()
        }

        deinit { removeFolder(path) }
    }

    private static func model(
        _ name: String, _ source: ModelSource, type: DType = .f32, recompute: Tape.Recompute = .none, set: InstructionSet? = nil, threads: Int = 2
    ) throws -> TrainedModel {
        let backend = try #require(set.map { CPUBackend(threads: threads, instructionSet: $0) } ?? CPUBackend(threads: threads))
        return try TrainedModel(source, dropout: try source.dropout().description, type: type, recompute: recompute, on: backend) { _, _ in }
    }

    @Test(arguments: rates, InstructionSet.allCases.filter(\.isSupported))
    func gradientsAgreeWithPyTorch(name: String, set: InstructionSet) throws {
        let folder = try Folder(name), source = try ModelSource(path: folder.path), model = try Self.model(name, source, set: set)
        #expect(try source.dropout().ignoredKeys.isEmpty)
        let loss = try GradientCase(path: folder.path, model.decoder.description).lossAndGradients(model, drops: true)
        let golden = GradientTests.folder + "dropout/" + name.split(separator: "/").last!
        try GradientTests.expect(loss, model, toAgreeWith: golden, places: source.places)
    }

    /// What is left out does not depend on what is kept or on the threads.
    @Test(
        arguments: ["families/gpt2-small", "families/xglm-small", "families/falcon-grouped", "t5/training/t5-flan", "masked/bert-masked"],
        [DType.f32, .bf16, .f16])
    func recomputeChangesNoBit(name: String, type: DType) throws {
        let folder = try Folder(name), source = try ModelSource(path: folder.path), example = try GradientCase(path: folder.path, source.description)
        var first: (loss: Double, gradients: [Float])?
        for (recompute, threads) in [(Tape.Recompute.none, 2), (.selective, 2), (.full, 2), (.selective, 1), (.full, 3)] {
            let model = try Self.model(name, source, type: type, recompute: recompute, threads: threads)
            let loss = try example.lossAndGradients(model, drops: true)
            let gradients = Array(UnsafeBufferPointer(start: model.parameters.gradients.floats, count: model.parameters.elementCount))
            if let first {
                #expect(loss == first.loss && gradients == first.gradients, "\(name), \(type), \(recompute), \(threads) threads")
            } else {
                #expect(gradients.allSatisfy { $0.isFinite })
                first = (loss, gradients)
            }
        }
    }

    /// Without keys, as in validation, nothing is left out: not a bit differs from a model that has no dropout.
    @Test(arguments: ["families/gpt2-small", "families/falcon-grouped", "t5/training/t5-small", "masked/bert-masked"])
    func evaluationLeavesNothingOut(name: String) throws {
        let folder = try Folder(name), source = try ModelSource(path: folder.path), example = try GradientCase(path: folder.path, source.description)
        let with = try Self.model(name, source)
        let without = try TrainedModel(source, type: .f32, recompute: .none, on: try #require(CPUBackend(threads: 2))) { _, _ in }
        let loss = try example.lossAndGradients(with)
        let plain = try example.lossAndGradients(without), dropped = try example.lossAndGradients(with, drops: true)
        #expect(loss == plain && loss != dropped)
    }

    /// Keys of what is not done here are told; Falcon's attention keeps its weights where positions are rotary, as transformers' does.
    @Test func keysAreToldApart() throws {
        for (name, key, applied, ignored) in [
            ("families/opt-small", "layerdrop", ["attention_dropout is 0.1", "dropout is 0.2"], ["layerdrop is 0.5"]),
            ("families/falcon-grouped", "attention_dropout", ["attention_dropout is 0.5", "hidden_dropout is 0.25"], []),
            ("families/falcon-alibi", "attention_dropout", ["attention_dropout is 0.5"], []),
        ] {
            let folder = try Folder(name)
            var config = try #require(try JSON(contentsOf: folder.path + "/config.json").object)
            config[key] = .number(0.5)
            try folder.write(config)
            let dropout = try ModelSource(path: folder.path).dropout()
            #expect(dropout.keys.sorted() == applied && dropout.ignoredKeys == ignored, "\(name): \(dropout)")
            #expect((dropout.description.attentionWeights > 0) == (name != "families/falcon-grouped"), "\(name): \(dropout)")
        }
    }

    @Test func ratesAreChances() throws {
        let folder = try Folder("families/gpt2-small"), path = folder.path + "/config.json"
        var config = try #require(try JSON(contentsOf: path).object)
        for (value, rule) in [(JSON.number(1), "1.0 is not at least 0 and below 1"), (.number(-0.5), "-0.5 is not"), (.string("a"), "no number")] {
            config["resid_pdrop"] = value
            try folder.write(config)
            let source = try ModelSource(path: folder.path), error = #expect(throws: InputError.self) { try source.dropout() }
            #expect("\(error!)".contains("resid_pdrop") && "\(error!)".contains(rule), "\(error!)")
        }
    }
}
