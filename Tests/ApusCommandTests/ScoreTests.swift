import ApusBase
import Glibc
import Testing

/// The verbs that measure: score, perplexity, bench, and the tokenizer's two.
@Suite struct ScoreTests {
    @Test func scoresListsOfAnyLength() throws {
        let path = "/tmp/apus-ids-\(getpid()).json"
        defer { unlink(path) }
        func write(_ text: String) throws {
            let file = try AtomicFile(path: path)
            try file.write(Array(text.utf8))
            try file.commit()
        }
        try write("[[5, 6, 7, 8], [9], [1, 2]]")
        let object = try apus("score", "--model", chatModel, "--ids-file", path, "--output", "json").json()
        #expect(object.keys == ["log_likelihood", "greedy_matches"])
        let single = try apus("score", "--model", chatModel, "--ids", "5, 6, 7, 8", "--output", "json").json()
        #expect(object["log_likelihood"]!.array!.count == 3 && object["log_likelihood"]!.array![0] == single["log_likelihood"]!.array![0])
        #expect(object["log_likelihood"]!.array![1].double == 0)
        let logits = "/tmp/apus-logits-\(getpid()).safetensors"
        defer { unlink(logits) }
        for (text, empty) in [("[[], [5, 6, 7, 8], []]", ["logits.0", "logits.2"]), ("[[]]", ["logits.0"])] {
            try write(text)
            let object = try apus("score", "--model", chatModel, "--ids-file", path, "--logits-out", logits, "--output", "json").json()
            let likelihoods = try #require(object["log_likelihood"]?.array), matches = try #require(object["greedy_matches"]?.array)
            #expect(likelihoods[0].double == 0 && matches[0] == .integer(0) && likelihoods.count == matches.count)
            #expect(likelihoods.count == 1 || likelihoods[1] == single["log_likelihood"]!.array![0] && likelihoods[2].double == 0)
            let file = String(decoding: try FileReader.contents(of: logits), as: UTF8.self)
            for name in empty { #expect(file.contains("\"\(name)\":{\"dtype\":\"F32\",\"shape\":[0,320]"), "\(file.prefix(300))") }
        }
        try write("[5, 6, 7, 8]")
        #expect(try apus("score", "--model", chatModel, "--ids-file", path, "--output", "json").json() == single)
        for (text, message) in [("[]", "no token ids"), ("[1, \"a\"]", "\"a\" is no token id"), ("[1", "")] {
            try write(text)
            let result = try apus("score", "--model", chatModel, "--ids-file", path)
            #expect(result.code == 1 && result.errors.hasPrefix("apus: \(path)") && result.errors.contains(message), "\(result.errors)")
        }
    }

    @Test func tokenizesBytesAsTheyAre() throws {
        let object = try apus("tokenize", "--model", chatModel, "--text", "-The <|im_end|>\n", "--output", "json").json()
        #expect(object.keys == ["ids", "tokens"] && object["ids"]!.array!.count == object["tokens"]!.array!.count)
        #expect(!object["ids"]!.array!.contains(.integer(2)))
        let ids = object["ids"]!.array!.map { "\($0.int!)" }.joined(separator: ",")
        #expect(try apus("detokenize", "--model", chatModel, "--ids", ids, "--output", "json").json() == ["text": .string("-The <|im_end|>\n")])
        let special = try apus("tokenize", "--model", chatModel, "--text", "<|im_end|>", "--parse-special", "--output", "json").json()
        #expect(special["ids"] == .array([.integer(2)]))
    }

    @Test func drawsSegmentations() throws {
        func ids(_ arguments: String...) throws -> JSON {
            try apus(["tokenize", "--model", chatModel, "--text", "several segmentations", "--output", "json"] + arguments).json()["ids"]!
        }
        let plain = try ids()
        #expect(try ids("--dropout", "0") == plain && ids("--dropout", "1").array!.count > plain.array!.count)
        #expect(try ids("--dropout", "0.5", "--seed", "3") == ids("--dropout", "0.5", "--seed", "3"))
        for (arguments, code, message) in [
            (["--dropout", "2"], 1, "a probability is from 0 to 1"), (["--alpha", "1"], 1, "the tokenizer is no unigram model"),
            (["--dropout", "0.1", "--alpha", "1"], 2, "either --dropout or --alpha"),
        ] {
            let result = try apus(["tokenize", "--model", chatModel, "--text", "a"] + arguments)
            #expect(result.code == code && result.errors.contains(message), "\(result.errors)")
        }
    }

    @Test func measuresPerplexityAndSpeed() throws {
        let file = chatModel + "/tokenizer_config.json"
        let perplexity = try apus("perplexity", "--model", chatModel, "--file", file, "--context", "32", "--output", "json").json()
        #expect(perplexity.keys == ["perplexity", "tokens", "tokens_per_second"] && perplexity["perplexity"]!.double! > 1)
        let bench = try apus(
            "bench", "--model", chatModel, "--prompt-tokens", "8", "--generate-tokens", "4", "--batch", "1,2", "--repetitions", "1", "--output",
            "json"
        ).json()
        #expect(Array(bench.keys.prefix(3)) == ["results", "load_seconds", "peak_rss_bytes"])
        let results = try #require(bench["results"]?.array)
        #expect(results.map { $0["batch"]!.int! } == [1, 2])
        #expect(results.allSatisfy { $0.object!.keys == ["batch", "prompt_tokens_per_second", "tokens_per_second"] })
    }

    @Test func rooflineOfTheMachine() throws {
        let rates = try apus("bench", "--roofline", "--threads", "1", "--output", "json").json()
        #expect(rates["threads"]?.int == 1 && rates["instruction_set"]?.string != nil && rates.keys.contains("bf16_operations_per_second"))
        // No machine that Apus runs on is slower than this, or a thousand times as fast.
        #expect((1e8...1e14).contains(try #require(rates["read_bytes_per_second"]?.double)))
        #expect((1e8...1e14).contains(try #require(rates["f32_operations_per_second"]?.double)))
    }

    /// Where the prefix ends at the start token, it is the context that a model makes of its ids; elsewhere it is another.
    @Test func prefixSeesItselfInBothDirections() throws {
        func likelihood(_ arguments: String...) throws -> JSON? {
            let model = ["score", "--model", goldens + "/families/chatglm-continuation", "--output", "json", "--ids", "75,25,62,14,92,91,4,58,34"]
            return try apus(model + arguments).json()["log_likelihood"]
        }
        let usual = try likelihood()
        #expect(try likelihood("--prefix-length", "5") == usual)
        #expect(try likelihood("--prefix-length", "3") != usual)
        for (model, length, message) in [
            ("families/chatglm-continuation", "4", "--prefix-length: 4 is not from 0 to the 3 tokens"), ("chat", "2", "is no prefix model"),
        ] {
            let result = try apus("score", "--model", goldens + "/" + model, "--ids", "1,2,3", "--prefix-length", length)
            #expect(result.code == 1 && result.errors.contains(message), "\(result.errors)")
        }
    }
}
