import ApusBase
import Glibc
import Testing

/// Wrong usage ends with 2 and help, failed work with 1 and what, where and what to do.
@Suite struct UsageTests {
    static let wrong: [[String]] = [
        [], ["frobnicate"], ["generate"], ["generate", "--model", chatModel], ["generate", "--model", chatModel, "--frobnicate"],
        ["generate", "--model", chatModel, "--prompt", "a", "--prompt-file", "b"],
        ["generate", "--model", chatModel, "--prompt", "a", "--system", "b"],
        ["generate", "--model", chatModel, "--prompt", "a", "--adapter", "b"],
        ["generate", "--model", chatModel, "--prompt", "a", "--samples", "2", "--beams", "2"],
        ["generate", "--model", chatModel, "--prompt", "a", "b"], ["generate", "--model", chatModel, "--prompt", "--stop", "b"],
        ["generate", "--model", chatModel, "--prompt", "a", "--stop", "b", "-c"], ["generate", "--model", chatModel, "--prompt", "a", "--stop"],
        ["score", "--model", chatModel], ["score", "--model", chatModel, "--ids", "1,x"], ["score", "--model", chatModel, "--ids", ""],
        ["tokenize", "--model", chatModel], ["detokenize", "--model", chatModel], ["detokenize", "--model", chatModel, "--ids", "1,,2"],
        ["perplexity", "--model", chatModel], ["perplexity", "--model", chatModel, "--file", "x", "--context", "3"],
        ["bench", "--model", chatModel, "--batch", "1,x"], ["bench", "--model", chatModel, "--repetitions", "0"],
        ["bench", "--model", chatModel, "--prompt-tokens", "-1"], ["bench", "--model", chatModel, "--prompt-tokens", "9999999999"],
        ["bench"], ["bench", "--model", chatModel, "--roofline"],
        ["chat"], ["inspect"], ["inspect", "--model", chatModel, "--output", "xml"],
    ]

    @Test(arguments: wrong)
    func wrongUsageEndsWith2(arguments: [String]) throws {
        // Without any argument the help is what is wanted.
        let result = try apus(arguments)
        #expect(result.code == (arguments.isEmpty ? 0 : 2))
        #expect(arguments.isEmpty ? result.output.contains("USAGE: apus") : result.output.isEmpty && result.errors.contains("Usage: apus"))
    }

    @Test(arguments: [
        ("--temperature", "-1", "--temperature: must be a number from 0 to 100, not -1.0"),
        ("--temperature", "nan", "--temperature: must be a number from 0 to 100, not nan"),
        ("--top-p", "2", "--top-p: must be a number from 0 to 1, not 2.0"),
        ("--min-p", "-0.5", "--min-p: must be a number from 0 to 1, not -0.5"),
        ("--typical-p", "1.1", "--typical-p: must be a number from 0 to 1, not 1.1"),
        ("--top-k", "-3", "--top-k: must be at least 0, not -3"),
        ("--repetition-penalty", "0", "--repetition-penalty: must be a number from 0 to 100, above 0, not 0.0"),
        ("--presence-penalty", "3", "--presence-penalty: must be a number from -2 to 2, not 3.0"),
        ("--frequency-penalty", "-3", "--frequency-penalty: must be a number from -2 to 2, not -3.0"),
        ("--logit-bias", "5", "--logit-bias: \"5\" is not ID=VALUE"), ("--logit-bias", "5=inf", "--logit-bias, at token 5: must be"),
        ("--stop", "", "--stop, at string 1: must not be empty"), ("--max-tokens", "-1", "--max-tokens"), ("--context", "0", "--context: 0"),
        ("--context", "9999999999999999999", "--context"), ("--max-tokens", "9223372036854775807", "--max-tokens: 9223372036854775807"),
        ("--seed", "-1", "--seed"), ("--threads", "0", "--threads: 0 is not from 1 to 256"), ("--threads", "1000", "--threads: 1000"),
        ("--dtype", "f8", "--dtype"), ("--kv-dtype", "q4", "--kv-dtype"), ("--samples", "0", "--samples: 0"), ("--beams", "-1", "--beams"),
    ])
    func wrongValuesAreNamed(flag: String, value: String, message: String) throws {
        for verb in [["generate", "--prompt", "a"], ["chat"]] {
            if verb[0] == "chat", flag == "--samples" || flag == "--beams" { continue }
            let result = try apus(verb + ["--model", chatModel, flag, value])
            #expect(result.code == 2 && result.output.isEmpty)
            #expect(result.errors.contains(message), "\(result.errors)")
        }
    }

    @Test func negativeValuesThatMakeSenseAreTaken() throws {
        let result = try apus(
            "generate", "--model", chatModel, "--prompt", "- a", "--presence-penalty", "-0.5", "--frequency-penalty", "-1", "--stop", "-x",
            "--max-tokens", "2")
        #expect(result.code == 0, "\(result.errors)")
    }

    static let failing: [([String], String)] = [
        (["generate", "--model", "/nowhere", "--prompt", "a"], "/nowhere: does not exist; give a .gguf file"),
        (["generate", "--model", "/nowhere.gguf", "--prompt", "a"], "/nowhere.gguf: "),
        (["inspect", "--model", goldens], "\(goldens): holds no config.json; give"),
        (["tokenize", "--model", "/nowhere", "--text", "a"], "/nowhere: "),
        (["tokenize", "--model", chatModel, "--file", "/nowhere"], "/nowhere: "),
        (["detokenize", "--model", chatModel, "--ids", "320"], "token 320: the vocabulary has the ids 0 to 319"),
        (["score", "--model", chatModel, "--ids", "1,320"], "the token ids: 320 is not from 0 to 319"),
        (["score", "--model", chatModel, "--ids", "1,-5"], "the token ids: -5 is not from 0 to 319"),
        (["score", "--model", chatModel, "--ids-file", chatModel + "/config.json"], chatModel + "/config.json: is an object, not a list of token ids"),
        (["generate", "--model", chatModel, "--prompt", ""], "the prompt: is empty; give a text of at least one token"),
        (["generate", "--model", chatModel, "--prompt", "", "--samples", "2"], "the prompt: is empty"),
        (["generate", "--model", chatModel, "--prompt-file", "/nowhere"], "/nowhere: "),
        (["generate", "--model", chatModel, "--prompt", "a", "--logit-bias", "320=1"], "logit-bias, at token 320: the vocabulary has tokens 0 to 319"),
        (
            ["generate", "--model", chatModel, "--prompt", String(repeating: "z", count: 300)],
            "the prompt: 300 tokens do not fit the context of 256; shorten it or give a larger --context"
        ),
        (["generate", "--model", chatModel, "--prompt", "zzz", "--context", "2", "--beams", "2"], "the prompt: 3 tokens do not fit the context of 2"),
        (["generate", "--model", chatModel, "--prompt", "zzz", "--context", "2", "--samples", "2"], "the prompt: 3 tokens do not fit the context of 2"),
        (["generate", "--model", goldens + "/llama/llama-mha", "--prompt", "a"], "\(goldens)/llama/llama-mha: holds no tokenizer.json"),
        (["perplexity", "--model", chatModel, "--file", chatModel + "/tokenizer_config.json", "--context", "100000"], "the text: has "),
    ]

    @Test(arguments: failing)
    func failuresSayWhatWhereAndWhatToDo(arguments: [String], message: String) throws {
        let result = try apus(arguments + (arguments[0] == "chat" ? [] : ["--output", "json"]))
        #expect(result.code == 1 && result.output.isEmpty)
        #expect(result.errors.hasPrefix("apus: " + message), "\(result.errors)")
    }

    @Test func aLackOfMemoryIsAnError() throws {
        let path = "/tmp/apus-long-\(getpid()).txt"
        defer { unlink(path) }
        let file = try AtomicFile(path: path)
        try file.write(Array(String(repeating: "a ", count: 1_000_000).utf8))
        try file.commit()
        // Enough for keys and values, but not for activations of two million tokens that run together.
        let script = "ulimit -v 1400000; exec \"$0\" generate --model \"$1\" --prompt-file \"$2\" --max-tokens 1 --threads 1"
        let command = try RunningCommand(["-c", script, RunningCommand.path, goldens + "/t5/t5-small", path], binary: "/bin/sh")
        #expect(try command.wait() == 1 && command.output.isEmpty)
        #expect(command.errors.hasPrefix("apus: memory, at activations (") && command.errors.hasSuffix("or free memory\n"), "\(command.errors)")
        #expect(command.errors.count { $0 == "\n" } == 1)
    }

    @Test func versionIsPrinted() throws {
        let result = try apus("--version")
        #expect(result.code == 0 && result.errors.isEmpty && result.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil, "\(result.output)")
    }

    @Test func helpIsThereForEveryVerb() throws {
        for verb in ["generate", "chat", "tokenize", "detokenize", "score", "perplexity", "inspect", "bench", "convert", "embed"] {
            let result = try apus(verb, "--help")
            #expect(result.code == 0 && result.output.contains("USAGE: apus \(verb)") && result.errors.isEmpty)
        }
    }
}
