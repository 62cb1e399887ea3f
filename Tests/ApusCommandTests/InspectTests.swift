import ApusBase
import Glibc
import Testing

/// `apus inspect`: what it tells, and that it accepts what loads and nothing else.
@Suite struct InspectTests {
    @Test func tellsEveryAxis() throws {
        let object = try apus("inspect", "--model", goldens + "/llama/mistral-window", "--output", "json").json()
        #expect(
            object.keys == [
                "architecture", "parameters", "layers", "width", "vocabulary_size", "context_length", "tied_head", "norm", "position",
                "layer_groups", "tensors", "bytes", "tokenizer", "chat_template",
            ])
        #expect(object["architecture"] == .string("mistral") && object["layers"] == .integer(2))
        // 2·97·48 + 48 outside the layers; 2 · (48·(40 + 20 + 20) + 40·48 + 3·48·72 + 2·48) in them.
        #expect(object["parameters"] == .integer(41808) && object["bytes"] == .integer(4 * 41808))
        #expect(object["tensors"]?["f32"]?["count"] == .integer(21))
        let groups = try #require(object["layer_groups"]?.array)
        #expect(groups.count == 1 && groups[0]["count"] == .integer(2) && groups[0]["attention"]?["window"] == .integer(9))
        let yarn = try apus("inspect", "--model", goldens + "/llama/llama-yarn", "--output", "json").json()
        #expect(yarn["position"]?["scaling"]?["kind"] == .string("yarn") && yarn["tokenizer"] == .null)
        let chat = try apus("inspect", "--model", chatModel, "--output", "json").json()
        #expect(chat["tokenizer"] == .string("BPE") && chat["chat_template"] == .bool(true) && chat["tied_head"] == .bool(true))
    }

    @Test func printsAnAlignedTable() throws {
        let result = try apus("inspect", "--model", goldens + "/llama/mistral-window")
        #expect(result.code == 0)
        let lines = result.output.split(separator: "\n")
        #expect(lines.contains("parameters                 41808") && lines.contains("attention: window          9"))
    }

    /// A copy of a model with one change.
    private func changed(_ change: (inout String, inout [UInt8]) -> Void) throws -> CommandPair {
        var template = Array("/tmp/apus-inspect-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template))
        defer {
            for name in ["config.json", "model.safetensors"] { unlink(folder + "/" + name) }
            rmdir(folder)
        }
        let source = goldens + "/llama/qwen2-bias/"
        var config = String(decoding: try FileReader.contents(of: source + "config.json"), as: UTF8.self)
        var weights = try FileReader.contents(of: source + "model.safetensors")
        change(&config, &weights)
        for (name, bytes) in [("config.json", Array(config.utf8)), ("model.safetensors", weights)] {
            let file = try AtomicFile(path: folder + "/" + name)
            try file.write(bytes)
            try file.commit()
        }
        return CommandPair(
            inspect: try apus("inspect", "--model", folder), score: try apus("score", "--model", folder, "--ids", "1,2,3"), folder: folder)
    }

    private struct CommandPair {
        var inspect: CommandResult
        var score: CommandResult
        var folder: String
    }

    @Test func acceptsWhatLoads() throws {
        let pair = try changed { _, _ in }
        #expect(pair.inspect.code == 0 && pair.score.code == 0)
    }

    @Test(arguments: ["truncated", "extended", "renamed", "retyped", "narrower", "fewer layers", "more layers", "unknown family", "no JSON"])
    func refusesWhatDoesNot(change: String) throws {
        let pair = try changed { config, weights in
            func replace(_ old: String, _ new: String) {
                let place = weights.indices.first { weights[$0...].starts(with: old.utf8) }!
                weights.replaceSubrange(place..<place + old.utf8.count, with: Array(new.utf8))
            }
            switch change {
            case "truncated": weights.removeLast()
            case "extended": weights.append(0)
            case "renamed": replace("model.norm.weight", "model.norn.weight")
            case "retyped": replace("\"F32\"", "\"I32\"")
            case "narrower": config.replace("\"intermediate_size\": 72", with: "\"intermediate_size\": 64")
            case "fewer layers": config.replace("\"num_hidden_layers\": 2", with: "\"num_hidden_layers\": 1")
            case "more layers": config.replace("\"num_hidden_layers\": 2", with: "\"num_hidden_layers\": 3")
            case "unknown family": config.replace("\"model_type\": \"qwen2\"", with: "\"model_type\": \"qwen9\"")
            default: config.removeLast(3)
            }
        }
        #expect(pair.inspect.code == 1 && pair.inspect.output.isEmpty, "\(pair.inspect)")
        #expect(pair.inspect.errors == pair.score.errors && pair.score.code == 1, "\(pair.inspect.errors)\(pair.score.errors)")
        #expect(pair.inspect.errors.hasPrefix("apus: \(pair.folder)"))
    }
}

/// `apus inspect --compare`.
@Suite struct CompareTests {
    /// docs/architectures.md is what the command prints, under a heading. To bring it up to date: `make architectures`.
    @Test func thePageIsWhatTheCommandPrints() throws {
        let page = String(decoding: try FileReader.contents(of: parentFolder(parentFolder(goldens)) + "/docs/architectures.md"), as: UTF8.self)
        let result = try apus("inspect", "--compare", "all")
        #expect(result.code == 0 && page.hasSuffix("\n\n" + result.output), "run make architectures")
    }

    @Test func printsOneObject() throws {
        let object = try apus("inspect", "--compare", "llama-2-7b,chatglm,llama-2", "--output", "json").json()
        let models = try #require(object["models"]?.array)
        #expect(models.map { $0["name"]?.string } == ["llama-2-7b", "chatglm-6b", "llama-2-13b", "llama-2-70b"])
        #expect(models[0]["parameters"] == .integer(6_738_415_616) && models[0]["kv_bytes_per_token"] == .integer(524_288))
        #expect(models[1]["norm_placement"]?.string?.hasPrefix("normed residual") == true)
    }

    @Test func refusesOtherNames() throws {
        for arguments in [["--compare", "llama-9"], ["--compare", "bloom", "--model", goldens], []] {
            #expect(try apus(["inspect"] + arguments).code == 2)
        }
    }
}
