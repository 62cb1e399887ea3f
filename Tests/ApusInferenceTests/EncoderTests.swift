import ApusBase
import ApusCheckpoints
import ApusLayers
import ApusModels
import ApusTensor
import Glibc
import Testing

@testable import ApusInference

/// Encoders in f32 against transformers (Tests/Goldens/make_encoders.py).
@Suite struct EncoderTests {
    static let folder = GoldenLogitsTests.folder + "encoders/"
    static let names = ["bert-small", "bert-odd", "bert-relu", "roberta-small", "xlm-roberta-pad"]
    static let withTexts = ["bert-small", "bert-odd"]
    /// all-MiniLM-L6-v2: scripts/fetch-encoder.sh puts it into APUS_TEST_MODELS.
    static let miniLM = getenv("APUS_TEST_MODELS").map { String(cString: $0) + "/all-MiniLM-L6-v2" }.flatMap { fileExists($0) ? $0 : nil }

    private func expected(_ name: String, _ tensor: String) throws -> [Float] {
        let file = try SafetensorsCheckpoint(path: Self.folder + name + "/expected.safetensors"), entry = try #require(file.entry(tensor))
        var values = [Float](repeating: 0, count: entry.elementCount)
        try values.withUnsafeMutableBytes { try file.read(entry, from: 0, into: $0) }
        return values
    }

    private func sequences(_ name: String) throws -> [[Int32]] {
        try #require(try JSON(contentsOf: Self.folder + name + "/ids.json").array).map { $0.array!.map { Int32($0.int!) } }
    }

    private func texts(_ name: String) throws -> [String] {
        try #require(try JSON(contentsOf: Self.folder + name + "/texts.json").array).map { $0.string! }
    }

    /// All texts in one batch, whose lengths differ.
    @Test(arguments: names, InstructionSet.allCases.filter(\.isSupported))
    func agreesWithTransformers(name: String, set: InstructionSet) throws {
        let backend = try #require(CPUBackend(threads: 2, instructionSet: set)), sequences = try sequences(name)
        let encoder = try Encoder.load(ModelSource(path: Self.folder + name), on: backend)
        let rows = try encoder.encode(sequences, cacheType: .f32, workspace: Workspace(backend))
        var first = 0
        for (index, ids) in sequences.enumerated() {
            let wanted = try expected(name, "states.\(index)"), actual = (first..<first + ids.count).flatMap { Array(rows[$0]) }
            let range = wanted.max()! - wanted.min()!, error = zip(wanted, actual).map { abs($0 - $1) }.max()!
            #expect(actual.count == wanted.count && error <= 1e-4 * range, "\(name), \(index): \(error) of \(range)")
            first += ids.count
        }
    }

    /// A text's vectors are the same bits alone as among others.
    @Test(arguments: names) func batchesDoNotChangeVectors(name: String) throws {
        let backend = try #require(CPUBackend(threads: 2)), sequences = try sequences(name)
        let encoder = try Encoder.load(ModelSource(path: Self.folder + name), on: backend), workspace = Workspace(backend)
        func values(_ batch: [[Int32]]) throws -> [Float] {
            let rows = try encoder.encode(batch, cacheType: .f32, workspace: workspace)
            return (0..<rows.count).flatMap { Array(rows[$0]) }
        }
        #expect(try values(sequences) == sequences.flatMap { try values([$0]) })
    }

    private func embedder(_ path: String, _ backend: CPUBackend) throws -> TextEmbedder {
        let source = try ModelSource(path: path)
        return TextEmbedder(
            try Encoder.load(source, on: backend), tokenizer: try source.tokenizer(), recipe: try #require(try source.embeddingRecipe()),
            cacheType: .f32)
    }

    private func agrees(_ vectors: [[Float]], _ wanted: [Float], within tolerance: Float) {
        #expect(vectors.reduce(0) { $0 + $1.count } == wanted.count)
        var first = 0
        for vector in vectors {
            let other = wanted[first..<first + vector.count]
            func dot(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
            let cosine = dot(vector, other) / (dot(vector, vector) * dot(other, other)).squareRoot()
            #expect(cosine >= 0.99999 && zip(vector, other).allSatisfy { abs($0 - $1) <= tolerance })
            first += vector.count
        }
    }

    /// Mean and first token; normalised or not; cut, and with a prompt before.
    @Test(arguments: withTexts) func poolsAsSentenceTransformersDoes(name: String) throws {
        let backend = try #require(CPUBackend(threads: 2)), texts = try texts(name)
        var embedder = try embedder(Self.folder + name, backend)
        let vectors = try embedder.embed(texts)
        agrees(vectors, try expected(name, "vectors"), within: 1e-5)
        #expect(embedder.cutCount == (name == "bert-small" ? 3 : 0))
        for (text, vector) in zip(texts, vectors) { #expect(try embedder.embed([text]) == [vector]) }
        // More than one batch.
        #expect(try embedder.embed((0..<20).flatMap { _ in texts }) == (0..<20).flatMap { _ in vectors })
    }

    @Test(.enabled(if: miniLM != nil, "APUS_TEST_MODELS has no all-MiniLM-L6-v2; see scripts/fetch-encoder.sh"))
    func embedsAsMiniLMDoes() throws {
        let backend = try #require(CPUBackend(threads: 2))
        var embedder = try embedder(try #require(Self.miniLM), backend)
        agrees(try embedder.embed(texts("minilm")), try expected("minilm", "vectors"), within: 1e-5)
    }

    /// The vectors stay bit for bit the same, and what is not computed with comes along: the pooler, the recipe, the vocabulary.
    @Test(arguments: names) func conversionKeepsAll(name: String) throws {
        var template = Array("/tmp/apus-encoder-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template)), copy = folder + "/copy", backend = try #require(CPUBackend(threads: 2))
        defer {
            for name in ["1_Pooling/config.json"] + fileNames(inFolder: copy) { unlink(copy + "/" + name) }
            for path in [copy + "/1_Pooling", copy, folder] { rmdir(path) }
        }
        let source = try ModelSource(path: Self.folder + name), ids = try sequences(name)
        var conversion = try ModelConversion(source, to: copy, type: .f32)
        _ = try conversion.run(on: backend)
        let converted = try ModelSource(path: copy)
        func entries(_ source: ModelSource) throws -> [String: [Float]] {
            Dictionary(
                uniqueKeysWithValues: try source.checkpoint.entries.map { entry in
                    var values = [Float](repeating: 0, count: entry.elementCount)
                    try values.withUnsafeMutableBytes { try source.checkpoint.read(entry, from: 0, into: $0) }
                    return (entry.name, values)
                })
        }
        #expect(try entries(converted) == entries(source) && entries(source)["pooler.dense.weight"] != nil)
        #expect(try converted.embeddingRecipe() == source.embeddingRecipe() && converted.notes.isEmpty)
        let rows = try [source, converted].map { source in
            let rows = try Encoder.load(source, on: backend).encode(ids, cacheType: .f32, workspace: Workspace(backend))
            return (0..<rows.count).map { Array(rows[$0]) }
        }
        #expect(rows[0] == rows[1])
    }

    @Test func refusesInWords() throws {
        let backend = try #require(CPUBackend(threads: 1)), source = try ModelSource(path: Self.folder + "bert-relu")
        let encoder = try Encoder.load(source, on: backend)
        for (ids, message) in [([] as [Int32], "the text: is empty"), ([5, 97], "97 is not from 0 to 96"), (Array(repeating: 5, count: 34), "34 positions")] {
            let error = #expect(throws: InputError.self) { try encoder.encode([[5], ids], cacheType: .f32, workspace: Workspace(backend)) }
            #expect("\(error!)".contains(message))
        }
        let decoder = #expect(throws: InputError.self) { try Decoder.load(source, on: backend) }
        #expect("\(decoder!)".hasSuffix("bert is an encoder: it gives vectors and predicts no text; use `apus embed`"))
        let other = #expect(throws: InputError.self) {
            try Encoder.load(ModelSource(path: GoldenLogitsTests.folder + "llama/llama-mha"), on: backend)
        }
        #expect("\(other!)".contains("llama is a decoder"))
    }
}
