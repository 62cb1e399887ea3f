import ApusBase
import ApusCheckpoints
import Glibc
import Testing

/// The verbs on a folder of T5.
@Suite struct EncoderDecoderVerbTests {
    private let model = goldens + "/t5/t5-small"

    @Test func generatesWhatTransformersDoes() throws {
        let prompts = try #require(try JSON(contentsOf: model + "/prompts.json").array)
        for prompt in prompts {
            let object = try apus(
                "generate", "--model", model, "--prompt", prompt["prompt"]!.string!, "--max-tokens", "10", "--output", "json"
            ).json()
            let answer = prompt["answer"]!.array!, isEnded = answer.last == .integer(1)
            #expect(object["token_ids"]!.array! == (isEnded ? Array(answer.dropLast()) : answer))
            #expect(object["finish_reason"] == .string(isEnded ? "stop" : "length") && object["text"] == prompt["text"])
            #expect(object["prompt_tokens"] == .integer(prompt["ids"]!.array!.count))
        }
    }

    /// The first of several answers, and a single beam, are the single answer.
    @Test func samplesAndBeamsReadTheTextToo() throws {
        let arguments = ["generate", "--model", model, "--prompt", "the hen ran on", "--max-tokens", "8", "--output", "json"]
        let single = try apus(arguments).json()
        let samples = try apus(arguments + ["--samples", "3"]).json()["choices"]!.array!
        #expect(samples.count == 3 && samples.allSatisfy { $0["token_ids"] == single["token_ids"] })
        #expect(try apus(arguments + ["--beams", "1"]).json()["token_ids"] == single["token_ids"])
        #expect(try apus(arguments + ["--beams", "4"]).json()["choices"]!.array!.count == 4)
    }

    @Test func scoresAnAnswer() throws {
        let example = try #require(try JSON(contentsOf: model + "/ids.json").array)[0]
        func ids(_ key: String) -> String { example[key]!.array!.map { "\($0.int!)" }.joined(separator: ",") }
        var template = Array("/tmp/apus-t5-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template)), path = folder + "/l.safetensors"
        defer {
            unlink(path)
            rmdir(folder)
        }
        let score = try apus(
            "score", "--model", model, "--ids", ids("text"), "--decoder-ids", ids("answer"), "--logits-out", path, "--output", "json"
        ).json()
        #expect(score.keys == ["log_likelihood", "greedy_matches"] && score["log_likelihood"]!.array!.count == 1)
        func logits(_ path: String) throws -> [Float] {
            let file = try SafetensorsCheckpoint(path: path), entry = try #require(file.entry("logits.0"))
            var values = [Float](repeating: 0, count: entry.elementCount)
            try values.withUnsafeMutableBytes { try file.read(entry, from: 0, into: $0) }
            return values
        }
        let wanted = try logits(model + "/expected.safetensors"), actual = try logits(path)
        #expect(wanted.count == actual.count && zip(wanted, actual).allSatisfy { abs($0 - $1) < 1e-4 })
        // Alone the decoder has nothing to answer; and a decoder alone has no encoder.
        let alone = try apus("score", "--model", model, "--ids", "0,5")
        #expect(alone.code == 1 && alone.errors.contains("use `apus generate`, or `apus score` with --decoder-ids"))
        let other = try apus("score", "--model", chatModel, "--ids", "1,2", "--decoder-ids", "1,2")
        #expect(other.code == 1 && other.errors.contains("llama has no encoder"))
        #expect(try apus("score", "--model", model, "--ids-file", "x", "--decoder-ids", "1").code == 2)
    }

    @Test func inspectTellsBothSides() throws {
        let object = try apus("inspect", "--model", goldens + "/t5/t5-flan", "--output", "json").json()
        #expect(object["structure"] == .string("encoder-decoder") && object["layers"] == .integer(3) && object["encoder"]?["layers"] == .integer(1))
        #expect(object["position"]?["kind"] == .string("relative") && object["position"]?["bidirectional"] == .bool(false))
        #expect(object["encoder"]?["position"]?["bidirectional"] == .bool(true) && object["tied_head"] == .bool(false))
        let layer = try #require(object["layer_groups"]?.array?[0])
        #expect(layer["cross_attention"]?["mask"] == .string("full") && layer["feed_forward"]?["kind"] == .string("gated"))
        let file = try SafetensorsCheckpoint(path: goldens + "/t5/t5-flan/model.safetensors")
        #expect(object["parameters"]?.int == file.entries.reduce(0) { $0 + $1.elementCount })
        let table = try apus("inspect", "--model", model).output
        #expect(table.contains("encoder: attention: mask") && table.contains("head: scale"))
    }

    @Test func embedsByTheEncoder() throws {
        let result = try apus("embed", "--model", model, "--text", "the hen", "--output", "json")
        #expect(try result.json()["embeddings"]?.array?[0].array?.count == 32)
        #expect(result.errors == "\(model): has no modules.json, so the vectors are means of the tokens' vectors as they are\n")
    }

    @Test func measuresEncodingAndDecoding() throws {
        let arguments = ["bench", "--model", model, "--prompt-tokens", "9", "--generate-tokens", "4", "--batch", "1,3", "--repetitions", "1"]
        let results = try #require(try apus(arguments + ["--depth", "2", "--output", "json"]).json()["results"]?.array)
        #expect(results.map { $0["batch"] } == [.integer(1), .integer(3)])
        #expect(results.allSatisfy { $0["prompt_tokens_per_second"]!.double! > 0 && $0["tokens_per_second"]!.double! > 0 })
        #expect(try apus(arguments).output.contains("encoding 9 ") && apus(arguments).output.contains("decode 4 "))
        let empty = try apus("bench", "--model", model, "--prompt-tokens", "0")
        #expect(empty.code == 1 && empty.errors.contains("the text: is empty"))
    }

    @Test(arguments: [
        ("\"feed_forward_proj\": \"relu\"", "\"feed_forward_proj\": \"gated-swish\"", "at feed_forward_proj: gated-swish is not known"),
        ("\"relative_attention_max_distance\": 128", "\"relative_attention_max_distance\": 16", "at relative_attention_max_distance: 16 is not above half"),
        ("\"relative_attention_num_buckets\": 32", "\"relative_attention_num_buckets\": 3", "at relative_attention_num_buckets: 3 is no whole number"),
        ("\"is_encoder_decoder\": true", "\"is_encoder_decoder\": false", "at is_encoder_decoder: false is not supported"),
        ("\"decoder_start_token_id\": 0", "\"decoder_start_token_id\": 97", "at decoder_start_token_id: 97 is no whole number"),
        ("\"num_decoder_layers\": 2", "\"num_decoder_layers\": 3", "decoder.block.2"),
    ])
    func refusesWhatItCannotCompute(old: String, new: String, message: String) throws {
        var template = Array("/tmp/apus-t5-XXXXXX".utf8CString)
        let folder = String(cString: mkdtemp(&template))
        defer {
            for name in ["config.json", "model.safetensors"] { unlink(folder + "/" + name) }
            rmdir(folder)
        }
        let config = String(decoding: try FileReader.contents(of: model + "/config.json"), as: UTF8.self)
        try #require(config.contains(old))
        for (name, bytes) in [
            ("config.json", Array(config.replacing(old, with: new).utf8)), ("model.safetensors", try FileReader.contents(of: model + "/model.safetensors")),
        ] {
            let file = try AtomicFile(path: folder + "/" + name)
            try file.write(bytes)
            try file.commit()
        }
        let inspect = try apus("inspect", "--model", folder)
        #expect(inspect.code == 1 && inspect.errors.contains(message), "\(inspect.errors)")
    }
}
