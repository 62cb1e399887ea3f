import ApusBase
import ApusDescription
import ApusTensor
import Glibc
import Testing

@testable import ApusInference
@testable import ApusModels

/// What config.json means where several keys speak of one thing, where one is missing, and where one does not count: as in transformers 5.
@Suite struct ModelConfigurationTests {
    private static let small = """
        {"vocab_size": 97, "hidden_size": 64, "intermediate_size": 72, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
         "max_position_embeddings": 64}
        """

    private func object(_ text: String) throws -> JSONObject { try #require(try JSON(parsing: Array(text.utf8), subject: "config.json").object) }

    /// The description of a small model whose configuration has these keys besides, and the keys that were ignored.
    private func read(_ modelType: String, _ keys: String) throws -> (description: DecoderDescription, ignored: [String]) {
        var whole = try object(Self.small)
        whole["model_type"] = .string(modelType)
        if modelType != "gpt_neox" { whole["head_dim"] = .integer(16) }
        for (key, value) in try object(keys).members { whole[key] = value }
        var config = ConfigReader(path: "config.json", whole)
        let description = try #require(Families.named(modelType)).description(of: &config)
        return (description, try config.unknownKeys())
    }

    private func expectRefusal(_ modelType: String, _ keys: String, at location: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let error = #expect(throws: InputError.self, sourceLocation: sourceLocation) { try self.read(modelType, keys) }
        #expect(error?.location == location, "\(modelType) \(keys)", sourceLocation: sourceLocation)
    }

    private func windows(_ modelType: String, _ keys: String) throws -> [Int?] {
        try read(modelType, keys).description.layers.map(\.attention.window)
    }

    private func rotary(_ base: Double = 10000, _ scaling: RotaryDescription.Scaling = .none) -> PositionEncoding {
        .rotary(RotaryDescription(base: base, scaling: scaling, dimensions: 16))
    }

    @Test func olderSpellingOfTheScalingWins() throws {
        let both = #""rope_parameters": {"rope_type": "default", "rope_theta": 5000.0}, "rope_scaling""#
        for modelType in ["llama", "qwen2"] {
            let (description, ignored) = try read(modelType, #"{\#(both): {"type": "linear", "factor": 2.0}}"#)
            #expect(description.position == rotary(10000, .linear(factor: 2)) && ignored == ["rope_parameters"])
            let based = try read(modelType, #"{\#(both): {"type": "linear", "factor": 2.0}, "rope_theta": 777}"#).description
            #expect(based.position == rotary(777, .linear(factor: 2)))
            for empty in ["{}", "null"] {
                let (description, ignored) = try read(modelType, "{\(both): \(empty)}")
                #expect(description.position == rotary(5000) && ignored.isEmpty)
            }
        }
    }

    @Test func dynamicScalingGrowsFromTheModelsContextOn() throws {
        let keys = #"{"rope_scaling": {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 16}}"#
        var (description, _) = try read("llama", keys)
        #expect(description.position == rotary(10000, .dynamicNTK(factor: 2, originalContext: 64)))
        var written = JSONObject()
        try RotaryConfig.write(description, to: &written, subject: "a model")
        #expect(written["rope_scaling"] == .object(["rope_type": .string("dynamic"), "factor": .number(2)]))
        description.contextLength = 128
        let error = #expect(throws: InputError.self) { try RotaryConfig.write(description, to: &written, subject: "a model") }
        #expect(error?.remedy == "give it a context of 64, not of 128")
    }

    @Test func trainingContextBesideTheScalingWins() throws {
        func original(_ keys: String) throws -> Int? {
            guard case .rotary(let rotary) = try read("llama", keys).description.position else { return nil }
            return switch rotary.scaling {
            case .yarn(let yarn): yarn.originalContext
            case .llama3(_, _, _, let original): original
            default: nil
            }
        }
        let yarn = #""rope_type": "yarn", "factor": 4.0"#, own = #", "original_max_position_embeddings": 32"#
        let llama3 = #""rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0"#
        for kind in [yarn, llama3] {
            for spelling in ["rope_parameters", "rope_scaling"] {
                #expect(try original(#"{"\#(spelling)": {\#(kind)\#(own)}, "original_max_position_embeddings": 16}"#) == 16)
                #expect(try original(#"{"\#(spelling)": {\#(kind)}, "original_max_position_embeddings": 16}"#) == 16)
                #expect(try original(#"{"\#(spelling)": {\#(kind)\#(own)}}"#) == 32)
                #expect(try original(#"{"\#(spelling)": {\#(kind)}}"#) == 64)
            }
        }
        #expect(try read("llama", #"{"original_max_position_embeddings": 16}"#).ignored == ["original_max_position_embeddings"])
    }

    @Test func turnsOfZeroAreTheUsualOnes() throws {
        let yarn = #""rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16"#
        let usual = try read("llama", #"{"rope_scaling": {\#(yarn)}}"#).description
        #expect(try read("llama", #"{"rope_scaling": {\#(yarn), "beta_fast": 0, "beta_slow": 0.0}}"#).description == usual)
    }

    @Test(arguments: ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "starcoder2"])
    func refusesPartsOfHeadsThatTurnWhole(modelType: String) throws {
        let type = #""rope_type": "default", "rope_theta": 10000.0"#
        expectRefusal(
            modelType, #"{"rope_parameters": {\#(type), "partial_rotary_factor": 0.5}}"#, at: "rope_parameters.partial_rotary_factor")
        #expect(try read(modelType, #"{"rope_parameters": {\#(type), "partial_rotary_factor": 1.0}}"#).description.position == rotary())
        #expect(try read("glm", #"{"rope_parameters": {\#(type), "partial_rotary_factor": 0.25}}"#).description.layers.count == 4)
    }

    @Test func windowsThatAreNotStated() throws {
        #expect(try windows("mistral", "{}") == [4096, 4096, 4096, 4096])
        #expect(try windows("mistral", #"{"sliding_window": null}"#) == [nil, nil, nil, nil])
        #expect(try windows("mistral", #"{"sliding_window": 5}"#) == [5, 5, 5, 5])
        for qwen in ["qwen2", "qwen3"] {
            #expect(try windows(qwen, "{}") == [nil, nil, nil, nil])
            #expect(try windows(qwen, #"{"use_sliding_window": true, "max_window_layers": 2}"#) == [nil, nil, 4096, 4096])
            #expect(try windows(qwen, #"{"use_sliding_window": true, "max_window_layers": 2, "sliding_window": null}"#) == [nil, nil, nil, nil])
        }
        let (description, ignored) = try read("llama", #"{"sliding_window": 5, "use_sliding_window": false}"#)
        #expect(description.layers.allSatisfy { $0.attention.window == nil } && ignored == ["sliding_window"])
    }

    @Test func refusesKindsOfLayersThatDoNotCount() throws {
        func kinds(_ first: String, _ second: String) -> String {
            #""layer_types": ["\#(first)_attention", "\#(second)_attention", "\#(first)_attention", "\#(second)_attention"]"#
        }
        let mixed = kinds("sliding", "full")
        expectRefusal("llama", #"{"sliding_window": 5, "use_sliding_window": true}"#, at: "use_sliding_window")
        expectRefusal("llama", #"{"sliding_window": 5, \#(mixed)}"#, at: "layer_types")
        expectRefusal("mistral", #"{"sliding_window": 5, "use_sliding_window": false}"#, at: "use_sliding_window")
        expectRefusal("mistral", #"{"sliding_window": 5, \#(mixed)}"#, at: "layer_types")
        expectRefusal("mistral", #"{"sliding_window": null, \#(mixed)}"#, at: "layer_types")
        expectRefusal("mistral", #"{"sliding_window": 5, "layer_types": "sliding_attention"}"#, at: "layer_types")
        expectRefusal("qwen2", #"{"sliding_window": 5, \#(mixed)}"#, at: "use_sliding_window")
        #expect(try windows("llama", "{\(kinds("full", "full"))}") == [nil, nil, nil, nil])
        #expect(try windows("mistral", #"{"sliding_window": 5, \#(kinds("sliding", "sliding"))}"#) == [5, 5, 5, 5])
        #expect(try windows("qwen3", #"{"sliding_window": 5, "use_sliding_window": true, \#(mixed)}"#) == [5, nil, 5, nil])
    }

    /// Of the fourth of four layers, which sees all, and of the others.
    private func gemma3(_ keys: String) throws -> (global: PositionEncoding, local: PositionEncoding?, ignored: [String]) {
        let (description, ignored) = try read("gemma3_text", #"{"sliding_window_pattern": 4, \#(keys)}"#)
        #expect(description.layers[3].position == nil)
        return (description.position, description.layers[0].position, ignored)
    }

    @Test func gemma3HasSettingsOfEachKindOfLayer() throws {
        let flat = try gemma3(#""rope_parameters": {"rope_type": "default", "rope_theta": 700.0}, "rope_local_base_freq": 300.0"#)
        #expect(flat.global == rotary(1_000_000) && flat.local == rotary(300) && flat.ignored == ["rope_parameters"])
        let one = try gemma3(#""rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0}, "rope_theta": 7.0}, "rope_theta": 500"#)
        #expect(one.global == rotary(500, .linear(factor: 8)) && one.local == rotary() && one.ignored.isEmpty)
        let other = try gemma3(#""rope_parameters": {"sliding_attention": {"rope_theta": 300.0}}"#)
        #expect(other.global == rotary(1_000_000) && other.local == rotary(300) && other.ignored.isEmpty)
        let older = try gemma3(#""rope_theta": 500, "rope_scaling": {"rope_type": "linear", "factor": 8.0}"#)
        #expect(older.global == rotary(500, .linear(factor: 8)) && older.local == rotary())
        let sum = try gemma3(
            #""rope_parameters": {"full_attention": {"rope_theta": 600.0}}, "rope_scaling": {"rope_type": "linear", "factor": 8.0}"#)
        #expect(sum.global == rotary(600, .linear(factor: 8)) && sum.local == rotary())
        expectRefusal("gemma3_text", #"{"rope_scaling": {"type": "linear", "factor": 8.0}}"#, at: "rope_scaling.factor")
        expectRefusal("gemma3_text", #"{"rope_parameters": {}, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}"#, at: "rope_scaling")
    }

    @Test func gemmasPatternsAndCapsAreThoseThatCount() throws {
        let second = try read("gemma2", #"{"sliding_window": 5, "sliding_window_pattern": 3}"#)
        #expect(second.description.layers.map(\.attention.window) == [5, nil, 5, nil] && second.ignored == ["sliding_window_pattern"])
        let third = try read("gemma3_text", #"{"sliding_window": 5, "_sliding_window_pattern": 2}"#)
        #expect(third.description.layers.map(\.attention.window) == [5, 5, 5, 5] && third.ignored == ["_sliding_window_pattern"])
        expectRefusal("gemma3_text", #"{"attn_logit_softcapping": 4.0}"#, at: "attn_logit_softcapping")
    }

    @Test func baseOfGPTNeoXHasANameOfItsOwn() throws {
        let wanted = PositionEncoding.rotary(RotaryDescription(base: 500, dimensions: 4))
        #expect(try read("gpt_neox", #"{"rotary_emb_base": 500}"#).description.position == wanted)
        #expect(try read("gpt_neox", #"{"rotary_emb_base": 500, "rope_theta": 500.0}"#).description.position == wanted)
        expectRefusal("gpt_neox", #"{"rotary_emb_base": 500, "rope_theta": 300.0}"#, at: "rope_theta")
        expectRefusal("gpt_neox", #"{"rope_theta": 300.0}"#, at: "rope_theta")
    }

    /// The reference's weights under a configuration that takes the embedding for the head.
    @Test(arguments: ["llama/llama-mha", "families/phi3-small", "families/gptj-small", "families/neox-parallel", "families/gpt2-untied"])
    func headThatDiffersFromTheEmbeddingCounts(name: String) throws {
        var template = Array("/tmp/apus-head-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template)), golden = GoldenLogitsTests.folder + name
        defer {
            for name in ["config.json", "model.safetensors"] { unlink(folder + "/" + name) }
            rmdir(folder)
        }
        var config = try #require(try JSON(contentsOf: golden + "/config.json").object)
        config["tie_word_embeddings"] = .bool(true)
        let weights = try FileReader.contents(of: golden + "/model.safetensors")
        for (name, bytes) in [("config.json", Array(JSON.object(config).serialized().utf8)), ("model.safetensors", weights)] {
            let file = try AtomicFile(path: folder + "/" + name)
            try file.write(bytes)
            try file.commit()
        }
        let source = try ModelSource(path: folder), backend = try #require(CPUBackend(threads: 2))
        #expect(source.description.head?.tied == false)
        try GoldenLogitsTests.compare(Decoder.load(source, on: backend), with: golden, on: backend)
    }

    @Test func headThatIsTheEmbeddingIsTied() throws {
        #expect(try ModelSource(path: GoldenLogitsTests.folder + "matrix/chatglm").description.head?.tied == true)
    }
}
