import ApusBase
import Testing

@testable import ApusHub

@Suite struct HubCacheTests {
    @Test func findsAPulledModelByItsName() async throws {
        let hub = try await FakeHub()
        let cache = HubCache(folder: hub.folder)
        let error = #expect(throws: InputError.self) { try cache.modelPath("org/name") }
        #expect(error?.remedy == "run `apus pull org/name`")
        _ = try await hub.pull()
        #expect(try cache.modelPath("org/name") == hub.snapshot)
        #expect(try cache.modelPath("org/name@\(FakeHub.commit)") == hub.snapshot)
        #expect(throws: InputError.self) { try cache.modelPath("org/name@other") }
        #expect(throws: InputError.self) { try cache.modelPath("org/name:../../refs/main") }
        #expect(try cache.modelPath("folder/of/mine") == nil)
        #expect(try cache.modelPath("model.gguf") == nil)
    }

    @Test func namesTheFileWhereThereAreSeveral() async throws {
        let hub = try await FakeHub(names: ["a.gguf", "b.gguf"])
        let cache = HubCache(folder: hub.folder)
        let error = await #expect(throws: InputError.self) { try await hub.pull() }
        #expect(error?.remedy == "choose with --include: a.gguf, b.gguf")
        _ = try await hub.pull(include: ["a*"])
        #expect(try cache.modelPath("org/name") == "\(hub.snapshot)/a.gguf")
        _ = try await hub.pull(include: ["b.gguf"])
        #expect(throws: InputError.self) { try cache.modelPath("org/name") }
        #expect(try cache.modelPath("org/name:b.gguf") == "\(hub.snapshot)/b.gguf")
    }

    @Test(arguments: ["", "name", "a/b/c", "a/", "../b", "a/..", "a/b--c", "a/b..c", "-a/b", "a/b c", "a/b\u{e9}"])
    func refusesNamesThatAreNoRepository(name: String) { #expect(RepositoryID(name) == nil) }

    @Test(arguments: ["huggingface.co", "ftp://host", "http://", "https://user:word@host", ""])
    func refusesEndpointsThatAreNoWebAddress(endpoint: String) {
        #expect(throws: InputError.self) { try HubConfiguration(endpoint: endpoint, cacheFolder: "/tmp") }
    }

    @Test func choosesWhatRunningAModelTakes() throws {
        let id = RepositoryID("org/name")!
        let names = [
            "README.md", "config.json", "tokenizer.model", "consolidated.safetensors", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
            "model.safetensors.index.json", "model.Q4_0.gguf", "pytorch_model.bin", "onnx/config.json",
        ]
        #expect(
            try FileSelection.choose(from: names, include: [], repository: id) == [
                "config.json", "tokenizer.model", "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
            ])
        let old = ["config.json", "merges.txt", "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", "training_args.bin"]
        #expect(
            try FileSelection.choose(from: old, include: [], repository: id) == [
                "config.json", "merges.txt", "pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin",
            ])
    }
}
