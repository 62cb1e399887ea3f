import ApusBase
import ApusModels
import ApusTensor
import ApusTokenizers
import Glibc
import Testing

@testable import ApusInference

/// What the scripts fetched for the tests of real models; nil where it is not.
enum RealModel {
    static let path = file("APUS_TEST_MODELS", "SmolLM2-135M-Instruct.Q4_1.gguf")
    static let gemma = file("APUS_TEST_MODELS", "gemma-3-270m-q4_k_m.gguf")
    static let text = file("APUS_TEST_CACHE", "perplexity.txt")

    private static func file(_ folder: String, _ name: String) -> String? {
        guard let path = getenv(folder).map({ String(cString: $0) + "/" + name }), access(path, R_OK) == 0 else { return nil }
        return path
    }
}

/// SmolLM2-135M-Instruct in Q4_1: scripts/fetch-model.sh puts it into APUS_TEST_MODELS.
@Suite("SmolLM2", .serialized, .enabled(if: RealModel.path != nil, "APUS_TEST_MODELS has no SmolLM2; see scripts/fetch-model.sh"))
struct RealModelTests {
    private let source: ModelSource
    private let tokenizer: Tokenizer
    private let backend: CPUBackend

    init() throws {
        source = try ModelSource(path: try #require(RealModel.path))
        tokenizer = try source.tokenizer()
        backend = try #require(CPUBackend(threads: 2))
    }

    static let prompts = [
        "The capital of France is",
        "Once upon a time, in a village by the sea,",
        "def fibonacci(n):\n",
        "Water boils at 100 degrees Celsius because",
        "<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n",
    ]

    /// The most likely tokens after a prompt, and how far the logit of each stood above the next one's.
    private func greedy(_ prompt: String, _ model: Decoder, _ cacheType: DType) throws -> [(id: Int32, lead: Float)] {
        let prompt = tokenizer.encode(prompt, addSpecial: true, parseSpecial: true)
        let stream = try TokenStream(model, positions: prompt.count + 64, cacheType: cacheType)
        var chosen: [(id: Int32, lead: Float)] = [], logits = try stream.append(prompt)
        while chosen.count < 64 {
            let best = backend.argmax(logits), greatest = logits[best]
            logits[best] = -.infinity
            chosen.append((Int32(best), greatest - logits[backend.argmax(logits)]))
            if tokenizer.endOfGenerationIDs.contains(Int32(best)) { break }
            if chosen.count < 64 { logits = try stream.append([Int32(best)]) }
        }
        return chosen
    }

    /// The text may part from that of the weights in f32 only where two tokens are about as likely.
    @Test func choosesTheTokensThatDequantizedWeightsChoose() throws {
        let packed = try Decoder.load(source, on: backend), plain = try Decoder.load(source, on: backend, dtype: .f32)
        var widest: Float = 0
        for prompt in Self.prompts {
            let expected = try greedy(prompt, plain, .f32), actual = try greedy(prompt, packed, packed.preferredCacheType)
            if let step = zip(expected, actual).enumerated().first(where: { $1.0.id != $1.1.id })?.offset {
                widest = max(widest, expected[step].lead)
            } else {
                #expect(actual.count == expected.count)
            }
        }
        #expect(widest < 0.05)
    }

    @Test(.enabled(if: RealModel.text != nil, "APUS_TEST_CACHE has no perplexity.txt; see scripts/fetch-test-data.sh"))
    func predictsTextAsWellAsLlamaCpp() throws {
        let golden = try JSON(contentsOf: parentFolder(parentFolder(#filePath)) + "/Goldens/perplexity.json")
        let wanted = try #require(golden["perplexity"]?.double), context = try #require(golden["context"]?.int)
        let bytes = try FileReader.contents(of: try #require(RealModel.text))
        let ids = bytes.withUnsafeBufferPointer { tokenizer.encode($0, addSpecial: true, parseSpecial: false) }
        let model = try Decoder.load(source, on: backend)
        let actual = try Perplexity.of(
            ids, context: context, bos: tokenizer.addsBOS ? tokenizer.bos : nil, model: model, backend: backend,
            cacheType: model.preferredCacheType)
        #expect(abs(actual.value / wanted - 1) <= 0.005, "\(actual.value) against \(wanted)")
    }

    /// Scores have the exactness of an answer's tokens, one at a time, although so many tokens at once would be a long prompt.
    @Test(.enabled(if: RealModel.text != nil, "APUS_TEST_CACHE has no perplexity.txt; see scripts/fetch-test-data.sh"))
    func scoresAsExactlyAsItAnswers() throws {
        let bytes = try FileReader.contents(of: try #require(RealModel.text))
        let ids = Array(
            bytes.withUnsafeBufferPointer { tokenizer.encode($0, addSpecial: true, parseSpecial: false) }.prefix(TokenStream.longPrompt + 2))
        let model = try Decoder.load(source, on: backend)
        let whole = try TokenStream(model, positions: ids.count, cacheType: .f32), stepped = try TokenStream(model, positions: ids.count, cacheType: .f32)
        var wanted: [[Float]] = []
        for id in ids { wanted.append(Array(try stepped.append([id]))) }
        try whole.appendAll(ids) { first, rows in
            for row in 0..<rows.count where Array(rows[row]) != wanted[first + row] { Issue.record("token \(first + row)") }
        }
    }

    /// Long prompts meet f16 and bf16 weights as whole numbers of 14 bits: the logits stay within a thousandth of their range.
    @Test(
        .enabled(if: RealModel.text != nil, "APUS_TEST_CACHE has no perplexity.txt; see scripts/fetch-test-data.sh"), arguments: [DType.f16, .bf16])
    func longPromptsLoseLittleOfDenseWeights(type: DType) throws {
        let bytes = try FileReader.contents(of: try #require(RealModel.text))
        let ids = Array(
            bytes.withUnsafeBufferPointer { tokenizer.encode($0, addSpecial: true, parseSpecial: false) }.prefix(TokenStream.longPrompt * 2))
        let model = try Decoder.load(source, on: backend, dtype: type)
        let prompt = try TokenStream(model, positions: ids.count, cacheType: .f32), exact = try TokenStream(model, positions: ids.count, cacheType: .f32)
        let logits = Array(try prompt.append(ids))
        var wanted: [Float] = []
        try exact.appendAll(ids) { _, rows in wanted = Array(rows[rows.count - 1]) }
        let range = wanted.max()! - wanted.min()!, error = zip(logits, wanted).map { abs($0 - $1) }.max()!
        #expect(error <= 1e-3 * range, "\(error) of \(range)")
    }
}
