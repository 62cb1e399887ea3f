import ApusBase
import Glibc
import Testing

/// `apus train` from start to end, ended by signals, killed, and continued.
@Suite struct TrainTests {
    private let folder: TrainingFolder

    init() throws { folder = try TrainingFolder() }

    @Test func aRunSaysWhatItDoes() throws {
        let result = try apus(try folder.arguments("data.validation=[\(folder.path)/text.txt]", "log.validate_every=30")), object = try result.json()
        #expect(object.keys == ["loss", "step", "tokens", "tokens_per_second", "peak_rss_bytes"])
        #expect(object["step"]?.int == 60 && object["tokens"]?.int == 60 * 8 * 64)
        let lines = result.errors.split(separator: "\n")
        for line in ["weights", "gradients", "moments", "activations", "total", "available"] { #expect(lines.contains { $0.hasPrefix(line) }, "\(line)") }
        let last = try #require(lines.last { $0.hasPrefix("step 60/60") })
        for part in ["100.0% · loss ", " · validation ", " tokens/s · MFU ", " · ETA "] { #expect(last.contains(part), "\(part) is not in \(last)") }
        let text = String(decoding: try FileReader.contents(of: folder.run + "/metrics.jsonl"), as: UTF8.self)
        let records = try text.split(separator: "\n").map { try JSON(parsing: Array($0.utf8), subject: "metrics.jsonl") }
        #expect(records.count == 60 && records.allSatisfy { ($0["mfu"]?.double ?? 0) > 0 })
        #expect(records.compactMap { $0["validation_loss"] }.count == 2)
        let losses = records.map { $0["loss"]!.double! }
        #expect(losses.last! < losses[0] - 1 && losses.last! == object["loss"]?.double)
        // The finished model runs, and its text is the corpus's.
        let answer = try apus("generate", "--model", folder.run + "/model", "--prompt", "the river", "--max-tokens", "8", "--output", "json").json()
        #expect(answer["generated_tokens"]?.int == 8)
    }

    @Test func aPlanLeavesNoTrace() throws {
        let result = try apus(try folder.arguments() + ["--dry-run"]), object = try result.json()
        #expect(object.keys == ["parameters", "memory_bytes"])
        let parameters = try #require(object["parameters"]?.int), bytes = try #require(object["memory_bytes"]?.int)
        #expect(parameters > 0 && bytes > 16 * parameters && result.errors.contains("moments"))
        #expect(!fileExists(folder.run))
        let wrong = try apus(try folder.arguments("batch.micro=0") + ["--dry-run"])
        #expect(wrong.code == 1 && wrong.errors.contains("batch.micro"))
    }

    /// Settings of a run that would go on for long; its steps do not depend on how many there are.
    private let endless = ["schedule.kind=constant", "schedule.total_steps=1000000"]

    /// The signal comes at any step; the checkpoint is of the last one, and the run that goes on is the one that was not stopped.
    @Test(arguments: [SIGTERM, SIGINT]) func aSignalSavesAndTheRunGoesOn(signal: Int32) throws {
        let arguments = try folder.arguments(endless[0], endless[1]), first = try RunningCommand(arguments)
        try first.readErrors { $0.contains("step 9/") }
        first.signal(signal)
        #expect(try first.wait() == 128 + signal)
        let stopped = try #require(folder.checkpoints().last)
        #expect(try stopped >= 9 && folder.metrics().count == stopped)
        let report = try JSON(parsing: Array(first.output.utf8), subject: "the output")
        #expect(report["step"]?.int == stopped)
        // Without --resume the run that is there is not touched.
        let again = try apus(arguments)
        #expect(again.code == 1 && again.errors.contains("\(folder.run): holds a run that has come to step \(stopped); go on with it by --resume"))
        let whole = folder.path + "/whole", last = stopped + 20
        _ = try apus(try folder.arguments(endless[0], "schedule.total_steps=\(last)", directory: whole)).json()
        let going = try folder.arguments(endless[0], "schedule.total_steps=\(last)") + ["--resume"], rest = try apus(going)
        #expect(try rest.json()["step"]?.int == last)
        #expect(rest.errors.contains("step \(stopped + 1)/\(last)"))
        #expect(try folder.metrics() == folder.metrics(of: whole))
        #expect(try folder.haveSameModel(folder.run, whole))
        // What is finished stays so.
        #expect(try apus(going).json()["step"]?.int == last)
        #expect(try apus(going.filter { !["--output", "json"].contains($0) }).output == "step \(last), the run is finished\n")
        #expect(try folder.haveSameModel(folder.run, whole))
    }

    /// While texts are tokenized, of training or of validation, there is nothing to save.
    @Test(arguments: [SIGTERM, SIGINT], ["train", "validation"]) func aSignalEndsTokenizingAtOnce(signal: Int32, data: String) throws {
        let (command, quick) = try runThatTokenizes(data)
        try expectEndsAtOnce(command, by: signal)
        #expect(scratchFiles == [])
        // The folder holds no run.
        #expect(try apus(quick).json()["step"]?.int == 6)
    }

    /// What a run leaves that is killed there, the next one removes.
    @Test(arguments: ["train", "validation"]) func aKillWhileTokenizingLeavesNothingForGood(data: String) throws {
        let (command, quick) = try runThatTokenizes(data)
        command.signal(SIGKILL)
        #expect(try command.wait() == -SIGKILL)
        #expect(scratchFiles != [])
        #expect(try apus(quick).json()["step"]?.int == 6)
        #expect(scratchFiles == [])
    }

    private var scratchFiles: [String] { fileNames(inFolder: folder.run).filter { $0.hasPrefix("tokens-") || $0.hasSuffix(".partial") } }

    /// A run that is turning texts into tokens, those of training or of validation, and will for long; and arguments of one that is quick.
    private func runThatTokenizes(_ data: String) throws -> (command: RunningCommand, quick: [String]) {
        func conversation(answers: Int) -> String {
            let turn = #"{"role": "user", "content": "the river"}, {"role": "assistant", "content": "runs past"}"#
            return #"{"messages": ["# + Array(repeating: turn, count: answers).joined(separator: ", ") + "]}\n"
        }
        // Finding the answers of one conversation takes time by the square of their number.
        let short = try folder.write("short.jsonl", conversation(answers: 4)), long = try folder.write("long.jsonl", conversation(answers: 2000))
        let settings = ["objective.kind=instruction", "data.train=[\(short)]"], slow = "data.\(data)=[\(long)]"
        let command = try RunningCommand(try folder.arguments(settings[0], settings[1], slow))
        let isValidation = data == "validation"
        let begun = try waitUntil { fileNames(inFolder: folder.run).contains { $0.hasPrefix("tokens-") && $0.contains("-validation") == isValidation } }
        #expect(begun)
        return (command, try folder.arguments(settings[0], settings[1], "schedule.total_steps=6"))
    }

    /// Seconds of a run are those of all its parts.
    @Test func secondsAddUp() throws {
        func seconds(_ step: Int) throws -> Double {
            let digits = String(step), path = "\(folder.run)/step-\(String(repeating: "0", count: 8 - digits.count))\(digits)/state.json"
            return try #require(try JSON(parsing: FileReader.contents(of: path), subject: path)["elapsed_seconds"]?.double)
        }
        let command = try RunningCommand(try folder.arguments(endless[0], endless[1], "checkpoint.keep=100000"))
        try command.readErrors { $0.contains("step 8/") }
        command.signal(SIGTERM)
        #expect(try command.wait() == 143)
        let stopped = try #require(folder.checkpoints().last), before = try seconds(stopped), start = ContinuousClock.now
        #expect(before > 0)
        _ = try apus(try folder.arguments(endless[0], "schedule.total_steps=\(stopped + 10)", "checkpoint.keep=100000") + ["--resume"]).json()
        let took = start.duration(to: .now), rest = try seconds(stopped + 10) - before
        #expect(rest > 0 && .seconds(rest) < took)
    }

    /// Killed again and again, at any instant from its start on, a run comes to the end that it would have come to.
    @Test func killsLoseNoMoreThanTheStepsSinceACheckpoint() throws {
        let whole = folder.path + "/whole", steps = "schedule.total_steps=200"
        _ = try apus(try folder.arguments(steps, directory: whole)).json()
        let expected = try folder.metrics(of: whole), arguments = try folder.arguments(steps) + ["--resume"]
        var generator = SystemRandomNumberGenerator(), kills = 0, reached = 0, code: Int32 = -SIGKILL
        while code == -SIGKILL, kills < 60 {
            let command = try RunningCommand(arguments)
            // Every third is killed while it starts, the others while they train; one that had but the finished model to write ends without a step.
            if kills % 3 != 0 { try? command.readErrors { $0.contains("step ") || $0.contains("apus: ") } }
            usleep(UInt32.random(in: 0..<(kills % 3 == 0 ? 150_000 : 60_000), using: &generator))
            command.signal(SIGKILL)
            code = try command.wait()
            #expect(!command.errors.contains("passed over"), "\(command.errors)")
            if code == 0 { break }
            #expect(code == -SIGKILL, "\(command.errors)")
            kills += 1
            guard fileExists(folder.run + "/metrics.jsonl") else { continue }
            // The last line may be cut short; what is there is as it was to be.
            let text = String(decoding: try FileReader.contents(of: folder.run + "/metrics.jsonl"), as: UTF8.self)
            let logged = text.utf8.count { $0 == 10 }, saved = folder.checkpoints().last ?? 0
            #expect(saved >= (logged - 1) / 7 * 7, "kill \(kills): step \(logged) was logged, and the last checkpoint is of step \(saved)")
            #expect(saved >= reached)
            reached = saved
        }
        #expect(kills >= 3, "it was too quick for kills")
        if code != 0 { #expect(try apus(arguments).code == 0) }
        #expect(try folder.metrics() == expected)
        #expect(try folder.haveSameModel(folder.run, whole))
    }
}
