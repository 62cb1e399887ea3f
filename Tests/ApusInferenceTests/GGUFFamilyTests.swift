import ApusBase
import ApusCheckpoints
import Testing

@testable import ApusModels

/// What the metadata of a family's GGUF file may say: nothing is ignored unseen, and nothing crashes.
@Suite struct GGUFFamilyTests {
    static let names = [
        "llama", "qwen2", "qwen3", "gpt2", "gpt_neox", "bloom", "falcon", "gemma", "gemma2", "gemma3", "glm", "glm4", "chatglm2", "phi3",
        "starcoder2", "encoders/bert-small", "t5/t5-flan",
    ]

    /// The metadata and the tensors' shapes that conversion would write.
    private func header(_ name: String) throws -> (metadata: GGUFMetadata, shapes: [String: [Int]], architecture: String) {
        let source = try ModelSource(path: GoldenLogitsTests.folder + (name.contains("/") ? name : "matrix/" + name))
        let family = try ModelConversion.ggufFamily(of: source), description = family.ggufDescription(of: source.description)
        let architecture = family.ggufArchitecture(of: description)
        var metadata = GGUFMetadata(description, architecture: architecture, path: source.path)
        for (key, value) in family.ggufKeys(of: description) { metadata.set("\(architecture).\(key)", value) }
        let places = family.ggufLayout(of: description).places(of: description)
        let shapes = description.parameters.map { (places[$0.name]!.tensor, places[$0.name]!.tensorShape(of: $0.shape)) }
        return (metadata, Dictionary(shapes) { $1 }, architecture)
    }

    private func read(
        _ metadata: GGUFMetadata, _ shapes: [String: [Int]], _ architecture: String, divisors: [Float]? = nil
    ) throws -> [String: ParameterPlace] {
        var reader = GGUFReader(path: "a.gguf", metadata, shapes: shapes, rotaryDivisors: divisors, architecture: architecture)
        let family = try #require(Families.gguf(architecture)), description = try family.description(of: &reader)
        try reader.finish()
        guard description.layers.count < 100, description.encoder?.layers.count ?? 0 < 100 else { return [:] }
        return family.ggufLayout(of: description).places(of: description)
    }

    @Test(arguments: names) func refusesUnknownKeys(name: String) throws {
        var (metadata, shapes, architecture) = try header(name)
        _ = try read(metadata, shapes, architecture)
        metadata.set("\(architecture).new_switch", .bool(false))
        let error = #expect(throws: InputError.self) { try self.read(metadata, shapes, architecture) }
        #expect(error?.location == "metadata \(architecture).new_switch")
    }

    @Test func refusesDivisorsWherePositionsDoNotTurn() throws {
        for name in ["gpt2", "bloom"] {
            let (metadata, shapes, architecture) = try header(name)
            let error = #expect(throws: InputError.self) { try self.read(metadata, shapes, architecture, divisors: [1, 1]) }
            #expect(error?.location == "tensor rope_freqs.weight")
        }
    }

    /// Each key in turn is left out or gets another value; what is not refused can be laid out.
    @Test(arguments: names) func survivesEveryValue(name: String) throws {
        let (metadata, shapes, architecture) = try header(name)
        let values: [GGUFValue?] = [
            nil, .integer(0), .integer(-1), .integer(1), .integer(3), .integer(65536), .integer(.max), .unsigned(.max), .number(0), .number(.nan),
            .number(-.infinity), .number(.infinity), .number(1e300), .string("x"), .string("linear"), .string("yarn"), .bool(true), .bools([]),
            .bools([true, false]), .integers([1, 2]), .numbers([]),
        ]
        let more = [
            "rope.scaling.type", "rope.scaling.factor", "rope.freq_base_swa", "attention.sliding_window", "attention.sliding_window_pattern",
            "attn_logit_softcapping", "final_logit_softcapping", "tensor_data_layout", "use_parallel_residual",
            "pooling_type",
        ]
        for key in Set(metadata.keys.filter { $0.hasPrefix(architecture + ".") } + more.map { "\(architecture).\($0)" }) {
            for value in values {
                var changed = GGUFMetadata(path: "a.gguf")
                for other in metadata.keys where other != key { changed.set(other, metadata[other]!) }
                if let value { changed.set(key, value) }
                do { _ = try read(changed, shapes, architecture) } catch is InputError {}
            }
        }
    }
}
