import ApusBase
import Glibc
import Testing

/// `apus generate`: its JSON, its options, its end.
@Suite struct GenerateTests {
    private let base = ["generate", "--model", chatModel, "--prompt", "The quick brown"]
    private let keys = [
        "text", "token_ids", "finish_reason", "prompt_tokens", "generated_tokens", "load_seconds", "prompt_tokens_per_second",
        "tokens_per_second",
    ]

    private func json(_ arguments: String...) throws -> JSONObject { try apus(base + ["--output", "json"] + arguments).json() }

    @Test func printsTheContractsKeys() throws {
        let object = try json("--max-tokens", "6")
        #expect(object.keys == keys)
        #expect(object["generated_tokens"] == .integer(6) && object["prompt_tokens"] == .integer(7))
        #expect(object["token_ids"]?.array?.count == 6 && object["finish_reason"] == .string("length"))
        #expect(object["tokens_per_second"]!.double! > 0 && object["load_seconds"]!.double! > 0)
        let text = try apus(base + ["--max-tokens", "6"])
        #expect(text.output == object["text"]!.string! + "\n" && text.errors.contains("7 prompt tokens"))
    }

    @Test func samplesAndBeamsComeAsChoices() throws {
        let samples = try json("--max-tokens", "6", "--samples", "3", "--temperature", "1")
        #expect(samples.keys == keys + ["choices"])
        let choices = try #require(samples["choices"]?.array)
        #expect(choices.count == 3 && choices.allSatisfy { $0.object!.keys == ["text", "token_ids", "finish_reason"] })
        #expect(choices[0]["text"] == samples["text"])
        #expect(samples["generated_tokens"]!.int! == choices.reduce(0) { $0 + $1["token_ids"]!.array!.count })
        #expect(try json("--max-tokens", "6", "--temperature", "1")["text"] == samples["text"])
        let beams = try json("--max-tokens", "6", "--beams", "3")
        #expect(beams.keys == keys + ["choices"])
        let found = try #require(beams["choices"]?.array)
        #expect(found.count == 3 && found.allSatisfy { $0.object!.keys == ["text", "token_ids", "finish_reason", "score"] })
        #expect(found.map { $0["score"]!.double! } == found.map { $0["score"]!.double! }.sorted(by: >))
        #expect(try apus(base + ["--max-tokens", "2", "--samples", "2"]).output.hasPrefix("--- 1\n"))
    }

    @Test func theSameSeedGivesTheSameText() throws {
        let texts = try ["1", "1", "2"].map { try json("--temperature", "1.5", "--seed", $0, "--logit-bias", "2=-inf")["text"]!.string! }
        #expect(texts[0] == texts[1] && texts[0] != texts[2])
        let threads = try json("--temperature", "1.5", "--seed", "1", "--logit-bias", "2=-inf", "--threads", "1")["text"]!.string!
        #expect(threads == texts[0])
    }

    @Test func stopStringsEndTheText() throws {
        let whole = try json("--logit-bias", "2=-inf", "--logit-bias", "0=-inf", "--max-tokens", "60")["text"]!.string!
        let stop = String(whole.unicodeScalars.filter { $0.isASCII && $0 > " " }.map(Character.init).dropFirst(5).first!)
        let object = try json("--logit-bias", "2=-inf", "--logit-bias", "0=-inf", "--max-tokens", "60", "--stop", "never", "--stop", stop)
        #expect(object["finish_reason"] == .string("stop"))
        #expect(object["text"]!.string! == String(whole.prefix { String($0) != stop }))
        // The values of one flag, before other options and behind them.
        for list in [["--stop", "-x", "never", stop], ["--stop=never", stop], ["--stop", "never", stop, "--seed", "1"], ["--stop", stop, "--stop", "-x"]] {
            let listed = try apus(base + endless + ["--max-tokens", "60", "--output", "json"] + list).json()
            #expect(listed["text"] == object["text"] && listed["finish_reason"] == .string("stop"))
        }
    }

    @Test func biasForcesAndForbidsTokens() throws {
        #expect(try json("--max-tokens", "3", "--logit-bias", "65=1000")["token_ids"] == .array([.integer(65), .integer(65), .integer(65)]))
        let first = try json("--max-tokens", "1")["token_ids"]!.array![0].int!
        #expect(try json("--max-tokens", "1", "--logit-bias", "\(first)=-inf")["token_ids"]!.array![0].int! != first)
    }

    @Test func promptsComeFromFilesAsTheyAre() throws {
        let path = "/tmp/apus-prompt-\(getpid()).txt"
        defer { unlink(path) }
        let file = try AtomicFile(path: path)
        try file.write(Array("The quick brown".utf8))
        try file.commit()
        let fromFile = try apus("generate", "--model", chatModel, "--prompt-file", path, "--max-tokens", "6")
        #expect(try apus(base + ["--max-tokens", "6"]).output == fromFile.output)
    }

    @Test func aPromptThatIsNotRunHasNoSpeed() throws {
        let object = try json("--max-tokens", "0")
        #expect(object.keys == keys && object["finish_reason"] == .string("length") && object["prompt_tokens_per_second"] == .null)
        #expect(try apus(base + ["--max-tokens", "0"]).errors.hasPrefix("7 prompt tokens, 0 generated at "))
    }

    @Test func chatAppliesTheTemplate() throws {
        let plain = try apus("generate", "--model", chatModel, "--prompt", "a", "--chat", "--max-tokens", "1", "--output", "json").json()
        let text = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
        let ids = try apus("tokenize", "--model", chatModel, "--text", text, "--parse-special", "--output", "json").json()["ids"]!.array!
        #expect(plain["prompt_tokens"]!.int! == ids.count)
        let system = try apus(
            "generate", "--model", chatModel, "--prompt", "a", "--chat", "--system", "b", "--max-tokens", "1", "--output", "json"
        ).json()
        #expect(system["prompt_tokens"]!.int! > ids.count)
    }

    @Test func theExampleProgramGeneratesTheSame() throws {
        let example = try RunningCommand([chatModel, "The quick brown"], binary: "stream-text")
        #expect(try example.wait() == 0)
        #expect(example.output + "\n" == (try apus(base + ["--max-tokens", "100"]).output))
    }

    @Test func signalsEndItWithTheirCodes() throws {
        for (signal, code) in [(SIGINT, Int32(130)), (SIGTERM, 143)] {
            let command = try RunningCommand(base + ["--max-tokens", "1000000", "--context", "1000100"] + endless)
            try command.read { $0.count > 100 }
            command.signal(signal)
            #expect(try command.wait() == code)
            #expect(!command.errors.contains("atal"))
        }
    }

    @Test func aReaderThatGoesEndsItQuietly() throws {
        let command = try RunningCommand(base + ["--max-tokens", "1000000", "--context", "1000100"] + endless)
        try command.read { $0.count > 100 }
        command.closeOutput()
        #expect(try command.wait() == 128 + SIGPIPE)
        #expect(command.errors == "\(chatModel): the model was made for 256 tokens; a context of 1000100 may give poor text\n")
    }

    @Test func aFullDiskIsAnError() throws {
        for arguments in [base, base + ["--output", "json"], ["inspect", "--model", chatModel]] {
            let command = try RunningCommand(arguments, standardOutput: "/dev/full")
            #expect(try command.wait() == 1)
            #expect(command.errors == "apus: standard output: cannot be written: No space left on device\n")
        }
    }
}
