import ApusBase
import ApusDescription
import ApusTensor
import ApusTraining
import ArgumentParser

/// What `apus bench --train` measures.
struct TrainingBenchOptions: ParsableArguments {
    enum Compute: String, ExpressibleByArgument, CaseIterable { case f32, bf16, f16 }
    enum Recompute: String, ExpressibleByArgument, CaseIterable { case none, selective, full }

    @Flag(name: .long, help: "Measure steps of training.") var train = false
    @Option(name: .long, help: "--train: a published size, as `apus inspect --compare all` lists them, for example llama-15m.") var preset: String?
    @Option(name: .long, help: "--train: tokens of a sequence. (default: 256)") var sequenceLength: Int?
    @Option(name: .long, help: "--train: sequences of a step. (default: 4)") var microBatch: Int?
    @Option(name: .long, help: "--train: type of products and activations. (default: bf16)") var compute: Compute?
    @Option(name: .long, help: "--train: which activations are made again instead of kept. (default: none)") var recompute: Recompute?

    func validate() throws {
        let given: [(String, Bool)] = [
            ("--preset", preset != nil), ("--sequence-length", sequenceLength != nil), ("--micro-batch", microBatch != nil), ("--compute", compute != nil),
            ("--recompute", recompute != nil),
        ]
        if !train, let (name, _) = given.first(where: \.1) { throw ValidationError("\(name) goes with --train") }
        for (name, value, limit) in [("--sequence-length", sequenceLength, 1 << 24), ("--micro-batch", microBatch, 4096)] {
            if let value, !(1...limit).contains(value) { throw ValidationError("\(name): \(value) is not from 1 to \(limit)") }
        }
        if let preset, !Preset.all.contains(where: { $0.name == preset }) {
            let nearest = preset.nearest(among: Preset.all.map(\.name))
            throw ValidationError("--preset: there is no \(preset)" + (nearest.map { "; did you mean \($0)?" } ?? ""))
        }
    }

    func run(model: String?, threads: Int?, steps: Int, _ output: OutputOptions) throws {
        var configuration = TrainingConfiguration()
        if let model {
            (configuration.model.from, configuration.model.random) = (try Environment.modelPath(model), true)
        } else {
            configuration.model.preset = preset
        }
        configuration.data.sequenceLength = sequenceLength ?? 256
        (configuration.batch.micro, configuration.batch.accumulate) = (microBatch ?? 4, 1)
        configuration.precision.compute = .init(rawValue: (compute ?? .bf16).rawValue)!
        configuration.recompute.mode = .init(rawValue: (recompute ?? .none).rawValue)!
        let backend = try makeBackend(threads: threads)
        let result = try Interrupts.gracefully {
            try StepBenchmark(configuration, on: backend, steps: steps, check: { try Interrupts.check() }, notify: { printError($0) })
        }
        show(result, configuration, backend, output)
    }

    private func show(_ result: StepBenchmark, _ configuration: TrainingConfiguration, _ backend: CPUBackend, _ output: OutputOptions) {
        let products = result.products, share = products.seconds / result.seconds, rate = products.operations / products.seconds
        let peak = result.peakOperationsPerSecond, memory = peakResidentBytes()
        func percent(_ value: Double) -> String { decimal(100 * value, 1) + "%" }
        func rates(_ value: Double) -> String { decimal(value / 1e9, 1) + " GFLOP/s" }
        output.text("step: \(decimal(result.seconds, 4)) s, \(decimal(result.tokensPerSecond, 1)) tokens/s")
        output.text("GEMM: \(decimal(products.seconds, 4)) s, \(percent(share)) of the step")
        output.text("GEMM rate: \(rates(rate)), \(percent(rate / peak)) of the measured peak, \(rates(peak))")
        output.text("MFU: \(percent(result.modelFlopsUtilization))")
        output.text("memory: \(decimal(Double(memory) / 1e6, 0)) MB at its peak, \(decimal(Double(result.keptByteCount) / 1e6, 1)) MB of it activations")
        output.json([
            "sequence_length": .integer(configuration.data.sequenceLength), "micro_batch": .integer(configuration.batch.micro),
            "compute": .string(configuration.precision.compute.rawValue), "recompute": .string(configuration.recompute.mode.rawValue),
            "threads": .integer(backend.threadCount), "instruction_set": .string(backend.instructionSetName),
            "step_seconds": .number(result.seconds), "tokens_per_second": .number(result.tokensPerSecond),
            "gemm_seconds": .number(products.seconds), "gemm_share": .number(share), "gemm_operations_per_second": .number(rate),
            "peak_operations_per_second": .number(peak), "gemm_of_peak": .number(rate / peak), "mfu": .number(result.modelFlopsUtilization),
            "peak_rss_bytes": .integer(memory), "planned_bytes": .integer(result.plan.total),
            "activation_bytes": .integer(result.keptByteCount), "planned_activation_bytes": .integer(result.plan.activations),
        ])
    }
}
