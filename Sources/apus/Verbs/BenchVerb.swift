import ApusBase
import ApusInference
import ApusModels
import ArgumentParser

struct BenchVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bench", abstract: "Measure prefill and decoding speed.")

    @OptionGroup var options: ModelOptions
    @OptionGroup var output: OutputOptions
    @Option(name: .long, help: "Tokens of the prompt.") var promptTokens = 512
    @Option(name: .long, help: "Tokens to generate.") var generateTokens = 128
    @Option(name: .long, help: "Sequences decoded together, for example 1,4,8,16.") var batch = "1"
    @Option(name: .long, help: "Tokens in the cache before decoding.") var depth = 0
    @Option(name: .long, help: "Runs to take the median of, after one to warm up.") var repetitions = 3

    func run() throws {
        let batches = batch.split(separator: ",").map { Int($0) }
        guard !batches.isEmpty, batches.allSatisfy({ ($0 ?? 0) > 0 && $0! <= 4096 }) else {
            throw InputError("--batch", "\"\(batch)\" is no list of numbers from 1 to 4096")
        }
        guard promptTokens >= 0, generateTokens >= 0, depth >= 0, repetitions > 0 else {
            throw InputError("bench", "numbers of tokens may not be negative, and repetitions must be at least 1")
        }
        let loaded = try options.loadDecoder()
        var results: [JSON] = []
        for batch in batches {
            let result = try SpeedResult.measure(
                loaded.decoder, batch: batch!, promptTokens: promptTokens, generateTokens: generateTokens, depth: depth,
                repetitions: repetitions, cacheType: options.cacheType())
            results.append(
                .object([
                    "batch": .integer(result.batch), "prompt_tokens_per_second": .number(result.promptTokensPerSecond),
                    "tokens_per_second": .number(result.tokensPerSecond),
                ]))
            output.text(
                "batch \(result.batch): prefill \(promptTokens) \(decimal(result.promptTokensPerSecond, 1)) tokens/s, "
                    + "decode \(generateTokens) \(decimal(result.tokensPerSecond, 1)) tokens/s")
        }
        output.json([
            "results": .array(results), "load_seconds": .number(loaded.seconds), "peak_rss_bytes": .integer(peakResidentBytes()),
            "instruction_set": .string(loaded.backend.instructionSetName), "threads": .integer(loaded.backend.threadCount),
        ])
    }
}
