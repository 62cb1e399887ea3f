import ApusBase
import ApusCheckpoints
import ApusModels
import ApusTensor
import Testing

@testable import ApusInference

/// Logits of tiny random models in f32 against transformers (Tests/Goldens/make_llama.py, make_families.py), and against a plain
/// reference where transformers has no code (make_chatglm.py).
@Suite struct GoldenLogitsTests {
    static let folder = parentFolder(parentFolder(#filePath)) + "/Goldens/"
    static let names = [
        "llama-mha", "llama-gqa-tied", "llama-linear", "llama-dynamic", "llama-yarn", "llama-llama3", "llama-biases", "mistral-window",
        "mistral-unwindowed", "mistral-tied", "qwen2-bias", "qwen2-windows", "qwen2-yarn", "qwen3-norms", "qwen3-windows", "qwen3-biases",
    ].map { "llama/" + $0 }
    static let families = [
        "gpt2-small", "gpt2-relu", "gpt2-untied",
        "neox-parallel", "neox-sequential", "neox-unbiased",
        "bloom-small", "bloom-odd-heads", "bloom-untied",
        "falcon-multi-query", "falcon-grouped", "falcon-grouped-one-norm", "falcon-alibi",
        "gemma3-windows", "gemma3-layer-types", "gemma3-stretched", "gemma3-usual-scale",
        "glm-small", "glm-wide-heads", "glm-unbiased", "glm4-small", "glm4-wide-heads", "glm4-unbiased",
        "chatglm-continuation", "chatglm-blank", "chatglm-long-answer", "chatglm2-groups", "chatglm2-one-group", "chatglm2-long",
        "gemma-multi-query", "gemma-wide-heads", "gemma-untied", "gemma2-caps", "gemma2-odd-layers", "gemma2-uncapped",
        "gptj-small", "gptj-whole-heads", "gptj-erf",
        "opt-small", "opt-post-norm", "opt-unbiased",
        "starcoder2-small", "starcoder2-window", "starcoder2-unbiased",
        "phi3-small", "phi3-window", "phi3-partial",
        "xglm-small", "xglm-unscaled", "xglm-beyond",
    ].map { "families/" + $0 }

    /// The same weights in PyTorch's files: one, sharded, and in Meta's layout, in one part and in two (make_pytorch.py).
    static let pytorch = ["single", "sharded", "meta", "meta-parts-2", "meta-parts-3"].map { "pytorch/" + $0 }

    @Test(arguments: names + families + pytorch, InstructionSet.allCases.filter(\.isSupported))
    func agreesWithTheReference(name: String, set: InstructionSet) throws {
        let path = Self.folder + name
        let backend = try #require(CPUBackend(threads: 2, instructionSet: set))
        let model = try Decoder.load(ModelSource(path: path), on: backend)
        try Self.compare(model, with: path, on: backend)
    }

    /// Expects the logits of a folder's `ids.json` to be those of its `expected.safetensors`.
    static func compare(_ model: Decoder, with path: String, on backend: CPUBackend) throws {
        let expected = try SafetensorsCheckpoint(path: path + "/expected.safetensors")
        let sequences = try #require(try JSON(contentsOf: path + "/ids.json").array)
        for (index, sequence) in sequences.enumerated() {
            let ids = sequence.array!.map { Int32($0.int!) }
            let entry = try #require(expected.entry("logits.\(index)"))
            var wanted = [Float](repeating: 0, count: entry.elementCount)
            try wanted.withUnsafeMutableBytes { try expected.read(entry, from: 0, into: $0) }
            var actual: [Float] = []
            _ = try Score.of(ids, model: model, backend: backend, cacheType: .f32) { _, rows in
                for row in 0..<rows.count { actual += Array(rows[row]) }
            }
            let range = wanted.max()! - wanted.min()!
            let error = zip(wanted, actual).map { abs($0 - $1) }.max()!
            #expect(actual.count == wanted.count && error <= 1e-4 * range, "\(path): \(error) of \(range)")
        }
    }

    /// Tokens one at a time behind a prompt go on from where it ended. (The base of dynamic NTK changes with the length.)
    @Test(arguments: names.filter { $0 != "llama/llama-dynamic" } + families) func stepsDoNotChangeLogits(name: String) throws {
        let path = Self.folder + name, backend = try #require(CPUBackend(threads: 2))
        let model = try Decoder.load(ModelSource(path: path), on: backend)
        let ids = try #require(try JSON(contentsOf: path + "/ids.json").array)[0].array!.map { Int32($0.int!) }, prompt = ids.count - 5
        let whole = try TokenStream(model, positions: ids.count, cacheType: .f32)
        let stepped = try TokenStream(model, positions: ids.count, cacheType: .f32)
        var wanted: [[Float]] = []
        try whole.appendAll(ids) { _, rows in for row in 0..<rows.count { wanted.append(Array(rows[row])) } }
        var logits = Array(try stepped.append(ids[..<prompt]))
        for (step, id) in ids[prompt...].enumerated() {
            #expect(logits == wanted[prompt - 1 + step], "\(name), step \(step)")
            logits = Array(try stepped.append([id]))
        }
        #expect(logits == wanted.last)
    }
}
