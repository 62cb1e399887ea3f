import ApusBase
import ApusInference
import ApusModels
import ApusTensor
import ArgumentParser

struct BenchVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure prefill and decoding speed, steps of training, or the machine.",
        discussion: """
            With --model alone prefill and decoding are measured; where a model has an encoder, its encoding of texts instead of prefill. With --train whole steps of training are: forward, backward, clipping and AdamW, on
            random weights and tokens in the shape of --model or --preset. Of the step in the middle by time, --output json says step_seconds,
            tokens_per_second, gemm_seconds (in products of matrices, the rest being attention, norms, the optimizer and so on), gemm_share,
            gemm_operations_per_second, peak_operations_per_second (what such products could reach, as --roofline measures it), gemm_of_peak and
            mfu (model FLOPs utilization: three times the forward pass's operations, as --compare counts them, against the peak); also
            peak_rss_bytes and planned_bytes, activation_bytes (kept for the backward pass) and planned_activation_bytes.
            """)

    @Option(name: .shortAndLong, help: ModelOptions.help) var model: String?
    @Flag(name: .long, help: "Instead of a model, measure what the machine can do: memory read, and products of f32, bf16 and int8.") var roofline = false
    @OptionGroup var training: TrainingBenchOptions
    @OptionGroup var options: RunOptions
    @OptionGroup var output: OutputOptions
    @Option(name: .long, help: "Tokens of the prompt. (default: 512)") var promptTokens: Int?
    @Option(name: .long, help: "Tokens to generate. (default: 128)") var generateTokens: Int?
    @Option(name: .long, help: "Sequences decoded together, for example 1,4,8,16. (default: 1)") var batch: NumberList<Int>?
    @Option(name: .long, help: "Tokens in the cache before decoding. (default: 0)") var depth: Int?
    @Option(name: .long, help: "Runs, or steps of training, to take the median of, after one to warm up.") var repetitions = 3

    func validate() throws {
        if let name = givenForInference, training.train || roofline { throw ValidationError("\(name) goes with --model alone") }
        if training.train {
            guard !roofline, (model == nil) != (training.preset == nil) else { throw ValidationError("give either --model or --preset with --train") }
        } else {
            guard (model == nil) == roofline else { throw ValidationError("give one of --model, --roofline and --train") }
        }
        let positions = 0...SamplingOptions.positionLimit
        let limits = [
            ("--prompt-tokens", [promptTokens ?? 0], positions), ("--depth", [depth ?? 0], positions),
            ("--generate-tokens", [generateTokens ?? 0], positions), ("--repetitions", [repetitions], 1...1_000_000),
            ("--batch", batch?.values ?? [], 1...4096),
        ]
        for (name, values, range) in limits {
            if let wrong = values.first(where: { !range.contains($0) }) {
                throw ValidationError("\(name): \(wrong) is not from \(range.lowerBound) to \(range.upperBound)")
            }
        }
    }

    /// An option that was given and means something to the measuring of prefill and decoding only.
    private var givenForInference: String? {
        let given: [(String, Bool)] = [
            ("--prompt-tokens", promptTokens != nil), ("--generate-tokens", generateTokens != nil), ("--batch", batch != nil), ("--depth", depth != nil),
            ("--dtype", options.dtype != .native), ("--kv-dtype", options.kvDtype != nil),
        ]
        return given.first(where: \.1)?.0
    }

    func run() throws {
        if training.train { return try training.run(model: model, threads: options.threads, steps: repetitions, output) }
        guard let model else { return try measureRoofline() }
        let promptTokens = promptTokens ?? 512
        // The source goes, and its tables with it: nothing here needs a tokenizer.
        let (loaded, cacheType, backend, loadSeconds) = try load(openSource(model))
        let generateTokens: Int, reading: String
        switch loaded {
        case .encoder: (generateTokens, reading) = (self.generateTokens ?? 0, "encoding")
        case .decoder(let decoder): (generateTokens, reading) = (self.generateTokens ?? 128, decoder.encoder == nil ? "prefill" : "encoding")
        }
        let benchmark = try SpeedBenchmark(
            loaded, promptTokens: promptTokens, generateTokens: generateTokens, depth: depth ?? 0, repetitions: repetitions, cacheType: cacheType)
        var results: [JSON] = []
        for batch in batch?.values ?? [1] {
            let result = try benchmark.measure(batch: batch)
            results.append(
                .object([
                    "batch": .integer(result.batch), "prompt_tokens_per_second": .number(result.promptTokensPerSecond),
                    "tokens_per_second": .number(result.tokensPerSecond),
                ]))
            let decoding = generateTokens > 0 ? ", decode \(generateTokens) \(decimal(result.tokensPerSecond, 1)) tokens/s" : ""
            output.text("batch \(result.batch): \(reading) \(promptTokens) \(decimal(result.promptTokensPerSecond, 1)) tokens/s" + decoding)
        }
        output.json([
            "results": .array(results), "load_seconds": .number(loadSeconds), "peak_rss_bytes": .integer(peakResidentBytes()),
            "instruction_set": .string(backend.instructionSetName), "threads": .integer(backend.threadCount),
        ])
    }

    private func load(_ source: ModelSource) throws -> (model: SpeedBenchmark.Model, cacheType: DType, backend: CPUBackend, seconds: Double) {
        let start = ContinuousClock.now
        guard source.description.head == nil else {
            let loaded = try options.load(source, start: start)
            return (.decoder(loaded.decoder), options.cacheType(for: loaded.decoder), loaded.backend, loaded.seconds)
        }
        let backend = try options.makeBackend(), encoder = try Encoder.load(source, on: backend, dtype: options.weightType())
        return (.encoder(encoder), options.kvDtype?.type ?? encoder.preferredCacheType, backend, start.duration(to: .now).seconds)
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
