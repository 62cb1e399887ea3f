import ApusBase
import ApusInference
import ApusModels
import ArgumentParser

struct BenchVerb: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bench", abstract: "Measure prefill and decoding speed, or the machine.")

    @Option(name: .shortAndLong, help: ModelOptions.help) var model: String?
    @Flag(name: .long, help: "Instead of a model, measure what the machine can do: memory read, and products of f32, bf16 and int8.") var roofline = false
    @OptionGroup var options: RunOptions
    @OptionGroup var output: OutputOptions
    @Option(name: .long, help: "Tokens of the prompt.") var promptTokens = 512
    @Option(name: .long, help: "Tokens to generate.") var generateTokens = 128
    @Option(name: .long, help: "Sequences decoded together, for example 1,4,8,16.") var batch = NumberList<Int>(argument: "1")!
    @Option(name: .long, help: "Tokens in the cache before decoding.") var depth = 0
    @Option(name: .long, help: "Runs to take the median of, after one to warm up.") var repetitions = 3

    func validate() throws {
        guard (model == nil) == roofline else { throw ValidationError("give either --model or --roofline") }
        let limits = [
            ("--prompt-tokens", [promptTokens], 0...SamplingOptions.positionLimit), ("--depth", [depth], 0...SamplingOptions.positionLimit),
            ("--generate-tokens", [generateTokens], 0...SamplingOptions.positionLimit), ("--repetitions", [repetitions], 1...1_000_000),
            ("--batch", batch.values, 1...4096),
        ]
        for (name, values, range) in limits {
            if let wrong = values.first(where: { !range.contains($0) }) {
                throw ValidationError("\(name): \(wrong) is not from \(range.lowerBound) to \(range.upperBound)")
            }
        }
    }

    func run() throws {
        guard let model else { return try measureRoofline() }
        let loaded = try options.load(openSource(model), start: .now)
        var results: [JSON] = []
        for batch in batch.values {
            let result = try SpeedResult.measure(
                loaded.decoder, batch: batch, promptTokens: promptTokens, generateTokens: generateTokens, depth: depth,
                repetitions: repetitions, cacheType: options.cacheType(for: loaded.decoder))
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
    private func measureRoofline() throws {
        let backend = try options.makeBackend()
        guard let roofline = backend.measureRoofline() else { throw InputError("the memory", "there is too little free for measuring how fast it is read") }
        let rates: [(key: String, rate: Double?, unit: String)] = [
            ("read", roofline.readBytesPerSecond, "GB/s"), ("f32", roofline.f32OperationsPerSecond, "GFLOP/s"),
            ("bf16", roofline.bf16OperationsPerSecond, "GFLOP/s"), ("int8", roofline.int8OperationsPerSecond, "GOP/s"),
        ]
        var object: JSONObject = ["threads": .integer(backend.threadCount), "instruction_set": .string(backend.instructionSetName)]
        for (key, rate, unit) in rates {
            object[key == "read" ? "read_bytes_per_second" : key + "_operations_per_second"] = rate.map { .number($0) } ?? .null
            output.text("\(key): " + (rate.map { decimal($0 / 1e9, 1) + " " + unit } ?? "no instructions"))
        }
        output.json(object)
    }
}
