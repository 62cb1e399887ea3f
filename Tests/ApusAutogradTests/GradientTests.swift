import ApusAutograd
import ApusBase
import ApusCheckpoints
import ApusLayers
import ApusTensor
import Testing

@testable import ApusModels

/// Gradients of the families' tiny models in f32 against PyTorch's (Tests/Goldens/make_gradients.py).
@Suite struct GradientTests {
    static let folder = parentFolder(parentFolder(#filePath)) + "/Goldens/"
    static let names =
        [
            "llama/llama-mha", "llama/llama-gqa-tied", "llama/llama-linear", "llama/llama-dynamic", "llama/llama-yarn", "llama/llama-llama3",
            "llama/llama-biases", "llama/mistral-window", "llama/mistral-unwindowed", "llama/mistral-tied", "llama/qwen2-bias", "llama/qwen2-windows",
            "llama/qwen2-yarn", "llama/qwen3-norms", "llama/qwen3-windows", "llama/qwen3-biases",
        ]
        + [
            "gpt2-small", "gpt2-relu", "gpt2-untied", "neox-parallel", "neox-sequential", "neox-unbiased", "bloom-small", "bloom-odd-heads",
            "bloom-untied", "falcon-multi-query", "falcon-grouped", "falcon-grouped-one-norm", "falcon-alibi", "gemma3-windows",
            "gemma3-layer-types", "gemma3-stretched", "gemma3-usual-scale", "glm-small", "glm-wide-heads", "glm-unbiased", "glm4-small",
            "glm4-wide-heads", "glm4-unbiased", "gemma-multi-query", "gemma-wide-heads", "gemma-untied", "gemma2-caps", "gemma2-odd-layers",
            "gemma2-uncapped", "gptj-small", "gptj-whole-heads", "gptj-erf", "opt-small", "opt-post-norm", "opt-unbiased", "starcoder2-small",
            "starcoder2-window", "starcoder2-unbiased", "phi3-small", "phi3-window", "phi3-partial", "xglm-small", "xglm-unscaled", "xglm-beyond",
            "chatglm-continuation", "chatglm-blank", "chatglm-long-answer", "chatglm-spans", "chatglm2-groups", "chatglm2-one-group",
            "chatglm2-long",
        ].map { "families/" + $0 } + ["t5-small", "t5-flan", "t5-few-buckets", "mt5-small"].map { "t5/training/" + $0 }
        + ["bert-masked", "bert-own-head", "roberta-masked", "xlm-roberta-masked"].map { "masked/" + $0 }

    @Test(arguments: names, InstructionSet.allCases.filter(\.isSupported))
    func agreeWithPyTorch(name: String, set: InstructionSet) throws {
        let path = Self.folder + name, backend = try #require(CPUBackend(threads: 2, instructionSet: set)), source = try ModelSource(path: path)
        let model = try TrainedModel(source, type: .f32, recompute: .none, on: backend) { _, missing in #expect(missing.isEmpty) }
        let loss = try GradientCase(path: path, model.decoder.description).lossAndGradients(model)
        try Self.expect(loss, model, toAgreeWith: path, places: source.places)
    }

    /// Expects loss and gradients to be those of a folder's sketches.
    /// - Parameter places: where parameters lie in the tensors that have a sketch.
    static func expect(_ loss: Double, _ model: TrainedModel, toAgreeWith path: String, places: [String: ParameterPlace]) throws {
        let golden = try SafetensorsCheckpoint(path: path + "/gradients.safetensors")
        let expected = Double(try golden.floats(try #require(golden.entry("loss")))[0])
        #expect(abs(loss - expected) <= 2e-6 * expected, "\(path): loss \(loss), not \(expected)")
        let tensors = tensors(model, places), scale = try tensors.keys.map { try sketch(golden, $0).norm }.max()!
        for (tensor, values) in tensors {
            let reference = try sketch(golden, tensor), error = reference.distance(to: GradientSketch(values))
            #expect(error <= 1e-5 * scale, "\(path): \(tensor): \(error) of \(scale)")
            // The gradient of a key's bias is nothing but rounding.
            if reference.norm > 1e-4 * scale { #expect(error <= 1e-4 * reference.norm, "\(path): \(tensor): \(error) of its own \(reference.norm)") }
        }
    }

    /// Whatever is kept or run again, and however many threads there are: the same bits.
    @Test(
        arguments: [
            "llama/llama-gqa-tied", "families/gpt2-small", "families/gemma2-caps", "families/falcon-grouped", "families/chatglm-spans", "t5/training/t5-flan",
            "t5/training/t5-few-buckets", "masked/bert-masked",
        ], [DType.f32, .bf16, .f16])
    func recomputeChangesNoBit(name: String, type: DType) throws {
        let path = Self.folder + name, source = try ModelSource(path: path)
        let example = try GradientCase(path: path, source.description)
        var first: (loss: Double, gradients: [Float])?
        for (recompute, threads) in [(Tape.Recompute.none, 2), (.selective, 2), (.full, 2), (.none, 1), (.full, 3)] {
            let model = try TrainedModel(source, type: type, recompute: recompute, on: try #require(CPUBackend(threads: threads))) { _, _ in }
            let loss = try example.lossAndGradients(model)
            let gradients = Array(UnsafeBufferPointer(start: model.parameters.gradients.floats, count: model.parameters.elementCount))
            if let first {
                #expect(loss == first.loss && gradients == first.gradients, "\(name), \(type), \(recompute), \(threads) threads")
            } else {
                #expect(gradients.contains { $0 != 0 } && gradients.allSatisfy(\.isFinite))
                first = (loss, gradients)
            }
        }
    }

    /// Gradients that take the place of what is there are those that are added to zeros, although activations lie where they come; a second
    /// pass adds to them.
    @Test(
        arguments: [
            "llama/llama-gqa-tied", "families/gpt2-small", "families/bloom-untied", "families/gemma2-caps", "families/falcon-grouped",
            "t5/training/t5-flan", "t5/training/t5-small", "masked/bert-masked",
        ], Tape.Recompute.allCases)
    func newGradientsNeedNoZeros(name: String, recompute: Tape.Recompute) throws {
        let path = Self.folder + name, source = try ModelSource(path: path)
        for type in [DType.f32, .bf16] {
            let model = try TrainedModel(source, type: type, recompute: recompute, on: try #require(CPUBackend(threads: 2))) { _, _ in }
            let store = model.parameters, gradients = store.gradients.floats, example = try GradientCase(path: path, model.decoder.description)
            func values() -> [[Float]] { store.entries.map { Array(UnsafeBufferPointer(start: gradients + $0.offset, count: $0.count)) } }
            _ = try example.lossAndGradients(model)
            let once = values()
            _ = try example.lossAndGradients(model)
            let twice = values()
            for entry in store.entries { (gradients + entry.offset).update(repeating: .nan, count: entry.count) }
            _ = try example.lossAndGradients(model, replacesGradients: true)
            #expect(values() == once, "\(name), \(type)")
            _ = try example.lossAndGradients(model)
            #expect(values() == twice, "\(name), \(type)")
        }
    }

    /// Each gradient is told of once a pass, tied to the embedding or not, when it has become what it stays.
    @Test(
        arguments: [
            "llama/llama-gqa-tied", "families/gpt2-small", "families/bloom-untied", "families/chatglm-spans", "t5/training/t5-flan",
            "t5/training/t5-small", "masked/bert-masked",
        ], Tape.Recompute.allCases)
    func completeGradientsAreTold(name: String, recompute: Tape.Recompute) throws {
        let path = Self.folder + name, source = try ModelSource(path: path)
        let model = try TrainedModel(source, type: .f32, recompute: recompute, on: try #require(CPUBackend(threads: 2))) { _, _ in }
        let store = model.parameters, example = try GradientCase(path: path, model.decoder.description)
        func values(_ entry: ParameterStore.Entry) -> [Float] {
            Array(UnsafeBufferPointer(start: store.gradient(entry.name).floats, count: entry.count))
        }
        var told: [String: [[Float]]] = [:]
        model.tape.onGradient = { weights in
            let entry = store.entries.first { $0.name == store.name(of: weights) }!
            told[entry.name, default: []].append(values(entry))
        }
        for replaces in [true, false] {
            told = [:]
            _ = try example.lossAndGradients(model, replacesGradients: replaces)
            for entry in store.entries { #expect(told[entry.name] == [values(entry)], "\(name), \(recompute): \(entry.name)") }
        }
    }

    /// A pass that no parameter takes part in tells of all, in their order: their gradients are zero, or what they were.
    @Test func gradientsOfWhatIsNotUsedAreTold() throws {
        let backend = try #require(CPUBackend(threads: 1)), source = try ModelSource(path: Self.folder + "llama/llama-gqa-tied")
        let store = try #require(ParameterStore(source.description, on: backend))
        let tape = Tape(backend, type: .f32, recompute: .none, parameters: store.entries.map { (store[$0.name], store.gradient($0.name)) })
        var told: [String?] = []
        tape.onGradient = { told.append(store.name(of: $0)) }
        for (replaces, expected) in [(false, Float(3)), (true, 0)] {
            for entry in store.entries { store.gradient(entry.name).floats.update(repeating: 3, count: entry.count) }
            told = []
            tape.record(replacesGradients: replaces) {}
            tape.backward()
            #expect(told == store.entries.map(\.name))
            for entry in store.entries {
                let values = UnsafeBufferPointer(start: store.gradient(entry.name).floats, count: entry.count)
                #expect(values.allSatisfy { $0 == expected }, "\(entry.name)")
            }
        }
    }

    private static func sketch(_ golden: SafetensorsCheckpoint, _ tensor: String) throws -> GradientSketch {
        try GradientSketch(reading: try #require(golden.entry(tensor), "\(tensor) is not among the goldens"), of: golden)
    }

    /// Gradients in the arrangement of a file's tensors.
    private static func tensors(_ model: TrainedModel, _ places: [String: ParameterPlace]) -> [String: [Float]] {
        var tensors: [String: [Float]] = [:]
        for entry in model.parameters.entries {
            let place = places[entry.name]!, columns = entry.isMatrix ? entry.shape[1] : 1, total = place.rows.total
            var values = tensors[place.tensor] ?? [Float](repeating: 0, count: total * columns)
            let gradient = model.parameters.gradient(entry.name).floats
            for row in 0..<entry.shape[0] {
                let to = place.rows.tensorRow(of: row)
                for column in 0..<columns {
                    values[place.isTransposed ? column * total + to : to * columns + column] = gradient[row * columns + column]
                }
            }
            tensors[place.tensor] = values
        }
        return tensors
    }
}
