import ApusBase
import ApusCheckpoints
import ApusModels
import ApusTensor
import Glibc
import Testing

@testable import ApusInference

/// Models keep their logits on the way into a GGUF file and back into a folder.
@Suite struct ConversionTests {
    private let backend = CPUBackend(threads: 2)!

    private func inFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/apus-convert-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template))
        defer {
            for name in ["config.json", "model.safetensors", "model.safetensors.index.json"] {
                unlink(folder + "/back/" + name)
                unlink(folder + "/" + name)
            }
            rmdir(folder + "/back")
            for name in ["a.gguf", "b.gguf"] { unlink(folder + "/" + name) }
            rmdir(folder)
        }
        try body(folder)
    }

    private func convert(_ source: String, to destination: String, _ type: DType) throws -> ModelConversion {
        var conversion = try ModelConversion(ModelSource(path: source), to: destination, type: type)
        _ = try conversion.run(on: backend)
        return conversion
    }

    private func logits(_ path: String, _ ids: [Int32]) throws -> [Float] {
        let model = try Decoder.load(ModelSource(path: path), on: backend)
        var all: [Float] = []
        _ = try Score.of(ids, model: model, backend: backend, cacheType: .f32) { _, rows in
            for row in 0..<rows.count { all += Array(rows[row]) }
        }
        return all
    }

    /// GGUF has no words for the scaling of the one, and for the windows of the others.
    @Test(arguments: GoldenLogitsTests.names.filter { !["llama/llama-dynamic", "llama/qwen2-windows", "llama/qwen3-windows"].contains($0) })
    func keepsLogits(name: String) throws {
        let source = GoldenLogitsTests.folder + name
        let ids = try #require(try JSON(contentsOf: source + "/ids.json").array)[0].array!.map { Int32($0.int!) }
        let wanted = try logits(source, ids)
        let range = wanted.max()! - wanted.min()!
        try inFolder { folder in
            let conversion = try convert(source, to: folder + "/a.gguf", .f32)
            #expect(conversion.notes == ["\(source): has no tokenizer.json, so the GGUF file has no tokenizer"])
            _ = try convert(folder + "/a.gguf", to: folder + "/back/", .f32)
            for path in [folder + "/a.gguf", folder + "/back"] {
                let error = zip(wanted, try logits(path, ids)).map { abs($0 - $1) }.max()!
                #expect(error <= 1e-5 * range, "\(path): \(error) of \(range)")
            }
            #expect(try ModelSource(path: folder + "/back").notes.isEmpty)
        }
    }

    /// What llama.cpp's files cannot say of the families: llama.cpp knows no such model, or one of its settings alone.
    static let beyondGGUF = [
        "gpt2-relu": "its activation", "gpt2-untied": "its activation",
        "neox-unbiased": "its head, the biases of its attention, its activation",
        "falcon-alibi": "its positions, the order of its norms and sublayers, the biases of its attention, the biases of its feed-forward network",
        "gemma3-windows": "the scale of its scores", "gemma3-stretched": "the scale of its scores",
        "starcoder2-unbiased": "the biases of its attention, the biases of its feed-forward network, its activation",
        "glm-wide-heads": "GGUF files of chatglm cannot hold it: 4 heads of 20 elements are not 48",
        "chatglm-continuation": "its norms", "chatglm-blank": "its norms", "chatglm-long-answer": "its norms",
        "gemma-untied": "its head, the biases of its attention", "gemma2-caps": "the scale of its scores",
        "gemma2-uncapped": "its head, the scale of its scores, the cap of its scores",
        "gptj-small": "GGUF files cannot hold gptj", "gptj-whole-heads": "GGUF files cannot hold gptj", "gptj-erf": "GGUF files cannot hold gptj",
        "xglm-small": "GGUF files cannot hold xglm", "xglm-unscaled": "GGUF files cannot hold xglm", "xglm-beyond": "GGUF files cannot hold xglm",
        "opt-small": "GGUF files cannot hold opt", "opt-post-norm": "GGUF files cannot hold opt", "opt-unbiased": "GGUF files cannot hold opt",
    ]

    /// Packed, grouped and transposed tensors are taken apart and put together again, into a folder of the family and a GGUF file, and
    /// from that file into a folder.
    @Test(arguments: GoldenLogitsTests.families) func keepsLogitsOfFamilies(name: String) throws {
        let source = GoldenLogitsTests.folder + name, wanted = try logits(source, ids(source))
        try inFolder { folder in
            _ = try convert(source, to: folder + "/back", .f32)
            #expect(try logits(folder + "/back", ids(source)) == wanted)
        }
        try inFolder { folder in
            if let reason = Self.beyondGGUF[String(name.dropFirst("families/".count))] {
                let error = #expect(throws: InputError.self) { try self.convert(source, to: folder + "/a.gguf", .f32) }
                #expect(error?.rule.contains(reason) == true, "\(error?.rule ?? "")")
                #expect(!fileExists(folder + "/a.gguf"))
                return
            }
            _ = try convert(source, to: folder + "/a.gguf", .f32)
            #expect(try logits(folder + "/a.gguf", ids(source)) == wanted)
            _ = try convert(folder + "/a.gguf", to: folder + "/back", .f32)
            let range = wanted.max()! - wanted.min()!
            let error = zip(wanted, try logits(folder + "/back", ids(source))).map { abs($0 - $1) }.max()!
            // Gemma's norms are stored as 1 + w, and w is made of that again.
            #expect(name.contains("gemma") ? error <= 1e-5 * range : error == 0, "\(error) of \(range)")
            #expect(try ModelSource(path: folder + "/back").notes.isEmpty)
        }
    }

    private func ids(_ source: String) throws -> [Int32] {
        try #require(try JSON(contentsOf: source + "/ids.json").array)[0].array!.map { Int32($0.int!) }
    }

    @Test func refusesWhatGGUFCannotSay() throws {
        try inFolder { folder in
            let error = #expect(throws: InputError.self) { try self.convert(GoldenLogitsTests.folder + "llama/llama-dynamic", to: folder + "/a.gguf", .f32) }
            #expect(error?.rule == "GGUF files of llama cannot say its positions" && !fileExists(folder + "/a.gguf"))
        }
    }

    /// A configuration of LLaMA has no words for norms of queries and keys.
    @Test func refusesWhatAConfigurationCannotSay() throws {
        try inFolder { folder in
            _ = try convert(GoldenLogitsTests.folder + "llama/qwen3-norms", to: folder + "/a.gguf", .f32)
            var bytes = try FileReader.contents(of: folder + "/a.gguf")
            // Another architecture of the same length: no qwen3 key is left.
            let (old, new) = (Array("qwen3".utf8), Array("qwen2".utf8))
            for at in bytes.indices.dropLast(old.count) where bytes[at..<at + old.count].elementsEqual(old) {
                bytes.replaceSubrange(at..<at + old.count, with: new)
            }
            let file = try AtomicFile(path: folder + "/b.gguf")
            try file.write(bytes)
            try file.commit()
            let error = #expect(throws: InputError.self) { try self.convert(folder + "/b.gguf", to: folder + "/back", .f32) }
            #expect(error?.rule == "the configuration of qwen2 cannot say the biases of its attention, its norms of queries and keys")
        }
    }

    /// Rows of 48 elements fill no block.
    @Test func tellsWhatTypesStandIn() throws {
        try inFolder { folder in
            let conversion = try convert(GoldenLogitsTests.folder + "llama/llama-mha", to: folder + "/a.gguf", .q4_k)
            #expect(conversion.notes[0] == "token_embd.weight and 15 more: rows do not fill blocks of q4_k (256 elements) and become f16")
            let file = try GGUFFile(path: folder + "/a.gguf")
            #expect(file.entries.allSatisfy { $0.dtype == ($0.shape.count == 1 ? .f32 : .f16) })
            #expect(try file.metadata.int("general.file_type") == 14)
        }
    }

    @Test func leavesNothingAfterAFailure() throws {
        try inFolder { folder in
            let source = GoldenLogitsTests.folder + "llama/llama-mha/"
            var weights = try FileReader.contents(of: source + "model.safetensors")
            // The last element of the last matrix, before the 48 of the last norm.
            withUnsafeBytes(of: Float(1e9).bitPattern) { weights.replaceSubrange(weights.count - 49 * 4..<weights.count - 48 * 4, with: $0) }
            for (name, bytes) in [("config.json", try FileReader.contents(of: source + "config.json")), ("model.safetensors", weights)] {
                let file = try AtomicFile(path: folder + "/" + name)
                try file.write(bytes)
                try file.commit()
            }
            for destination in [folder + "/a.gguf", folder + "/back"] {
                let error = #expect(throws: InputError.self) { try self.convert(folder, to: destination, .f16) }
                #expect("\(error!)".hasPrefix(folder + "/model.safetensors, at tensor model.layers.1.self_attn.v_proj.weight: row 47 holds 1e+09"))
                #expect(!fileExists(destination) && !fileExists("\(destination).\(getpid()).partial"))
            }
        }
    }
}
