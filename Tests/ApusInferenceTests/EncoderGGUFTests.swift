import ApusBase
import ApusCheckpoints
import ApusLayers
import ApusTensor
import Glibc
import Testing

@testable import ApusInference
@testable import ApusModels

/// Encoders on their way into GGUF files and back: vectors bit for bit, ids, and how vectors are pooled.
@Suite struct EncoderGGUFTests {
    private let backend = CPUBackend(threads: 2)!

    private func inFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/apus-encoder-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template)), back = folder + "/back"
        defer {
            for name in ["1_Pooling/config.json"] + fileNames(inFolder: back) { unlink(back + "/" + name) }
            for path in [back + "/1_Pooling", back] { rmdir(path) }
            unlink(folder + "/a.gguf")
            rmdir(folder)
        }
        try body(folder)
    }

    private func convert(_ path: String, to destination: String) throws -> [String] {
        var conversion = try ModelConversion(ModelSource(path: path), to: destination, type: .f32)
        _ = try conversion.run(on: backend)
        return conversion.notes
    }

    private func states(_ path: String, _ ids: [[Int32]]) throws -> [[Float]] {
        let rows = try Encoder.load(ModelSource(path: path), on: backend).encode(ids, cacheType: .f32, workspace: Workspace(backend))
        return (0..<rows.count).map { Array(rows[$0]) }
    }

    private func vectors(_ path: String, _ texts: [String]) throws -> [[Float]] {
        let source = try ModelSource(path: path)
        var embedder = TextEmbedder(
            try Encoder.load(source, on: backend), tokenizer: try source.tokenizer(), recipe: try #require(try source.embeddingRecipe()), cacheType: .f32)
        return try embedder.embed(texts)
    }

    private func json(_ path: String) throws -> [JSON] { try #require(try JSON(contentsOf: path).array) }

    /// RoBERTa's positions lose those before its first.
    @Test(arguments: ["bert-small", "bert-older-names", "roberta-small", "xlm-roberta-pad"]) func keepsStates(name: String) throws {
        let source = EncoderTests.folder + name, idsOf = EncoderTests.folder + (name == "bert-older-names" ? "bert-small" : name)
        let ids = try json(idsOf + "/ids.json").map { $0.array!.map { Int32($0.int!) } }, wanted = try states(source, ids)
        try inFolder { folder in
            let notes = try convert(source, to: folder + "/a.gguf")
            let tensors = ["bert-small": "pooler.dense.bias and 1 more", "bert-older-names": "cls.predictions.transform.dense.weight and 8 more"]
            #expect(notes[0] == "\(source): left out, as GGUF files have no place for it: \(tensors[name] ?? tensors["bert-small"]!)")
            _ = try convert(folder + "/a.gguf", to: folder + "/back")
            for path in [folder + "/a.gguf", folder + "/back"] { #expect(try states(path, ids) == wanted) }
            #expect(try ModelSource(path: folder + "/back").notes.isEmpty)
        }
    }

    @Test func keepsVectors() throws {
        let source = EncoderTests.folder + "bert-small", texts = try json(source + "/texts.json").map { $0.string! }, wanted = try vectors(source, texts)
        try inFolder { folder in
            _ = try convert(source, to: folder + "/a.gguf")
            _ = try convert(folder + "/a.gguf", to: folder + "/back")
            for path in [folder + "/a.gguf", folder + "/back"] {
                #expect(try vectors(path, texts) == wanted)
                #expect(try ModelSource(path: path).embeddingRecipe() == ModelSource(path: source).embeddingRecipe())
            }
            #expect(try GGUFFile(path: folder + "/a.gguf").metadata.int("bert.pooling_type") == 1)
        }
    }

    @Test(.enabled(if: EncoderTests.miniLM != nil, "APUS_TEST_MODELS has no all-MiniLM-L6-v2; see scripts/fetch-encoder.sh"))
    func keepsVectorsOfMiniLM() throws {
        let source = try #require(EncoderTests.miniLM), texts = try json(EncoderTests.folder + "minilm/texts.json").map { $0.string! }
        let wanted = try vectors(source, texts)
        try inFolder { folder in
            _ = try convert(source, to: folder + "/a.gguf")
            _ = try convert(folder + "/a.gguf", to: folder + "/back")
            for path in [folder + "/a.gguf", folder + "/back"] { #expect(try vectors(path, texts) == wanted) }
        }
    }

    /// llama.cpp's networks have GELU alone.
    @Test func refusesWhatGGUFCannotSay() throws {
        for name in ["bert-odd", "bert-relu"] {
            let error = #expect(throws: InputError.self) { try ModelConversion(ModelSource(path: EncoderTests.folder + name), to: "/tmp/a.gguf", type: .f32) }
            #expect(error?.rule == "GGUF files of bert cannot say its activation")
        }
    }

    @Test func readsTheRecipe() throws {
        func recipe(_ keys: [(String, GGUFValue)]) throws -> EmbeddingRecipe? {
            var metadata = GGUFMetadata(path: "a.gguf")
            for (key, value) in [("general.architecture", .string("bert"))] + keys { metadata.set(key, value) }
            return try EmbeddingRecipe(metadata, path: "a.gguf")
        }
        #expect(try recipe([]) == nil && recipe([("bert.pooling_type", .integer(0))]) == nil)
        #expect(try recipe([("bert.pooling_type", .integer(1))]) == EmbeddingRecipe(pooling: .mean, normalizes: true))
        for whole in [EmbeddingRecipe(pooling: .cls, maxTokens: 7, prompt: "a: "), EmbeddingRecipe(normalizes: true)] {
            var metadata = GGUFMetadata(path: "a.gguf")
            metadata.set("general.architecture", .string("bert"))
            whole.write(to: &metadata, architecture: "bert")
            #expect(try EmbeddingRecipe(metadata, path: "a.gguf") == whole)
        }
        let wrong = [("bert.pooling_type", GGUFValue.integer(3)), ("apus.embedding.max_tokens", .integer(0)), ("apus.embedding.normalize", .integer(1))]
        for (key, value) in wrong {
            let error = #expect(throws: InputError.self) { try recipe([("bert.pooling_type", .integer(1)), (key, value)]) }
            #expect(error?.location == "metadata " + key)
        }
    }

    /// The names that the first checkpoints have change nothing, and a head that is not used is told of.
    @Test func readsOlderNames() throws {
        let older = EncoderTests.folder + "bert-older-names", modern = EncoderTests.folder + "bert-small"
        let ids = try json(modern + "/ids.json").map { $0.array!.map { Int32($0.int!) } }, source = try ModelSource(path: older)
        #expect(try states(older, ids) == states(modern, ids))
        #expect(source.description.maskedHead != nil)
        #expect(source.notes == ["\(older): the tensors of another head, cls.seq_relationship.bias and 1 more, are not used"])
    }
}
