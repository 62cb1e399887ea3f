import ApusBase
import ApusTensor
import Testing

@testable import ApusInference
@testable import ApusModels
@testable import ApusTokenizers

/// Gemma 3 270M in Q4_K_M (Q4_K, Q5_0, Q6_K and Q8_0): scripts/fetch-gemma.sh puts it into APUS_TEST_MODELS. Figures of llama.cpp by
/// Tests/Goldens/make_gemma.py.
@Suite("Gemma 3", .serialized, .enabled(if: RealModel.gemma != nil, "APUS_TEST_MODELS has no Gemma 3; see scripts/fetch-gemma.sh"))
struct GemmaModelTests {
    private let source: ModelSource
    private let tokenizer: Tokenizer
    private let golden: JSON

    init() throws {
        source = try ModelSource(path: try #require(RealModel.gemma))
        tokenizer = try source.tokenizer()
        golden = try JSON(contentsOf: GoldenLogitsTests.folder + "gemma.json")
    }

    @Test func tokenizesAsLlamaCpp() throws {
        for text in try #require(golden["texts"]?.array) {
            let wanted = text["ids"]!.array!.map { Int32($0.int!) }
            #expect(tokenizer.encode(text["text"]!.string!, addSpecial: true, parseSpecial: true) == wanted, "\(text["text"]!.serialized().prefix(60))")
        }
    }

    /// Into a folder's tokenizer.model and back into tables.
    @Test func carriesTheTokenizerThereAndBack() throws {
        let gguf = try #require(source.gguf), bytes = try ModelSource.tables(gguf, path: source.path).sentencePieceModel()
        let model = try Tokenizer(sentencePieceModel: bytes)
        let tables = try TokenizerTables(sentencePieceModel: bytes, config: nil, subject: "tokenizer.model", count: 262_144)
        let back = try Tokenizer(tables: tables)
        for text in try #require(golden["texts"]?.array) where !text["text"]!.string!.contains("<") {
            let wanted = text["ids"]!.array!.map { Int32($0.int!) }
            #expect(back.encode(text["text"]!.string!, addSpecial: true, parseSpecial: true) == wanted)
            #expect(model.encode(text["text"]!.string!, addSpecial: true, parseSpecial: false) == wanted)
        }
    }

    /// No worse than llama.cpp, which rounds activations in blocks of 256 where Apus does in blocks of 32, and near what the same weights
    /// give in f32, on every processor.
    @Test(.enabled(if: RealModel.text != nil, "APUS_TEST_CACHE has no perplexity.txt; see scripts/fetch-test-data.sh"))
    func predictsTextAsWellAsLlamaCpp() throws {
        let wanted = try #require(golden["perplexity"]?.double), context = try #require(golden["context"]?.int)
        let bytes = try FileReader.contents(of: try #require(RealModel.text)), backend = try #require(CPUBackend(threads: 2))
        let ids = Array(
            bytes.withUnsafeBufferPointer { tokenizer.encode($0, addSpecial: true, parseSpecial: false) }.prefix(context * golden["chunks"]!.int!))
        func perplexity(_ dtype: DType?) throws -> Double {
            let model = try Decoder.load(source, on: backend, dtype: dtype)
            return try Perplexity.of(
                ids, context: context, bos: tokenizer.addsBOS ? tokenizer.bos : nil, model: model, backend: backend,
                cacheType: model.preferredCacheType
            ).value
        }
        let actual = try perplexity(nil), exact = try perplexity(.f32)
        #expect(actual <= wanted * 1.005, "\(actual) against \(wanted)")
        #expect(abs(actual / exact - 1) <= 0.005, "\(actual) against \(exact) of f32 weights")
    }
}
