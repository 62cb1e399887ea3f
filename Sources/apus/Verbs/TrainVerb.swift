import ApusBase
import ApusTensor
import ApusTraining
import ArgumentParser
import Glibc

struct TrainVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a model as a YAML file says.",
        discussion: """
            Writes checkpoints, metrics.jsonl, report.html and at the end the model in Hugging Face layout into checkpoint.directory.
            SIGINT and SIGTERM end the run after the step in work, with a checkpoint; before the first step they end it at once.
            docs/configuration.md lists every key.
            """)

    @Argument(help: "The configuration.") var config: String
    @Option(name: .long, help: "Set a key over the file, for example optimizer.learning_rate=1e-3.") var set: [String] = []
    @Flag(name: .long, help: "Go on from the newest valid checkpoint.") var resume = false
    @Flag(name: .long, help: "Read the configuration and the model, print the plan of the memory, and end.") var dryRun = false
    @Option(name: .shortAndLong, help: "Threads; by default the processors there are.") var threads: Int?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads: \(threads) is not from 1 to 256") }
    }

    func run() throws {
        let configuration = try TrainingConfiguration(path: config, overrides: set)
        let backend = try makeBackend(threads: threads)
        guard !dryRun else {
            let plan = try TrainingRun.plan(configuration, threads: backend.threadCount) { printError($0) }
            output.text("\(plan.parameterCount) parameters, \(decimal(Double(plan.memory.total) / 1e6, 0)) MB of memory")
            return output.json(["parameters": .integer(plan.parameterCount), "memory_bytes": .integer(plan.memory.total)])
        }
        let run = try TrainingRun(configuration, on: backend, resumes: resume) { printError($0) }
        try run.openData()
        try Interrupts.gracefully {
            let isTerminal = isatty(2) == 1
            let result = try run.run(shouldStop: { Interrupts.pending != nil }) { progress in
                printError(progress.line(width: isTerminal ? 100 : 200))
            }
            let isDone = result.loss == nil && !result.wasStopped, loss = result.loss.map { decimal($0, 4) } ?? "-"
            output.text("step \(result.step), " + (isDone ? "the run is finished" : "loss \(loss), \(decimal(result.tokensPerSecond, 0)) tokens/s"))
            output.json([
                "loss": result.loss.map { .number($0) } ?? .null, "step": .integer(result.step), "tokens": .integer(result.tokens),
                "tokens_per_second": .number(result.tokensPerSecond), "peak_rss_bytes": .integer(peakResidentBytes()),
            ])
            try Interrupts.check()
        }
    }
}
