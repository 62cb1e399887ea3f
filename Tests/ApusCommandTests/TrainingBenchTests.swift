import ApusBase
import Testing

/// `apus bench --train`.
@Suite struct TrainingBenchTests {
    @Test(arguments: ["f32", "bf16", "f16"]) func measuresSteps(compute: String) throws {
        let result = try apus(
            "bench", "--train", "--model", chatModel, "--sequence-length", "96", "--micro-batch", "3", "--compute", compute, "--repetitions", "4",
            "--threads", "2", "--output", "json")
        let object = try result.json()
        func number(_ key: String) throws -> Double { try #require(object[key]?.double ?? object[key]?.int.map(Double.init), "\(key)") }
        let seconds = try number("step_seconds"), products = try number("gemm_seconds"), rate = try number("gemm_operations_per_second")
        let peak = try number("peak_operations_per_second"), share = try number("gemm_share")
        #expect(seconds > products && products > 0 && abs(share - products / seconds) < 1e-9)
        #expect(try abs(number("tokens_per_second") * seconds - 288) < 1e-6)
        #expect(try abs(number("gemm_of_peak") - rate / peak) < 1e-9)
        // Products of three passes over the blocks' matrices and the head: C 48, F 72, 4 and 2 heads of 12, 2 layers, V 320.
        let weights = 2 * (2 * 48 * 48 + 2 * 48 * 24 + 3 * 48 * 72) + 320 * 48
        #expect(abs(rate * products / Double(6 * 288 * weights) - 1) < 1e-9)
        let attention = 3 * 2 * 4 * 96 * 48
        #expect(try abs(number("mfu") * peak * seconds / Double(288 * (6 * weights + attention)) - 1) < 1e-9)
        #expect(try number("activation_bytes") > 0 && number("planned_bytes") > number("planned_activation_bytes"))
        // The peak of a process counts what the one that started it had taken, so that it tells nothing of the plan here.
        #expect(try number("peak_rss_bytes") > 1e6 && number("planned_bytes") > 34e6)
        #expect(object["compute"]?.string == compute && object["sequence_length"]?.int == 96 && object["micro_batch"]?.int == 3)
        #expect(object["threads"]?.int == 2)
    }

    @Test func saysItInWords() throws {
        let result = try apus("bench", "--train", "--model", chatModel, "--repetitions", "1", "--sequence-length", "32", "--recompute", "full")
        let lines = result.output.split(separator: "\n")
        #expect(result.code == 0 && lines.count == 5, "\(result.errors)")
        for (line, start) in zip(lines, ["step: ", "GEMM: ", "GEMM rate: ", "MFU: ", "memory: "]) { #expect(line.hasPrefix(start)) }
        #expect(result.errors.contains("full recompute"))
    }

    @Test(arguments: [
        ["--train"], ["--train", "--roofline"], ["--train", "--preset", "llama-15m", "--model", chatModel], ["--train", "--preset", "llama-15n"],
        ["--train", "--preset", "llama-15m", "--prompt-tokens", "5"], ["--train", "--preset", "llama-15m", "--dtype", "f32"],
        ["--train", "--preset", "llama-15m", "--compute", "q8_0"], ["--train", "--preset", "llama-15m", "--sequence-length", "0"],
        ["--model", chatModel, "--micro-batch", "2"], ["--model", chatModel, "--preset", "llama-15m"], ["--roofline", "--batch", "1"],
    ])
    func wrongUsage(arguments: [String]) throws {
        let result = try apus(["bench"] + arguments)
        #expect(result.code == 2 && result.output.isEmpty)
    }

    @Test func whatDoesNotFitIsSaidBefore() throws {
        let result = try apus("bench", "--train", "--preset", "llama-2-70b", "--output", "json")
        #expect(result.code == 1 && result.output.isEmpty && result.errors.contains("apus: memory: the run needs "), "\(result.errors)")
        let encoder = try apus("bench", "--train", "--model", goldens + "/encoders/bert-small")
        #expect(encoder.code == 1 && encoder.errors.contains("more than the 64 positions that the model has learned"), "\(encoder.errors)")
        let long = try apus("bench", "--train", "--model", goldens + "/families/gpt2-small", "--sequence-length", "4096")
        #expect(long.code == 1 && long.errors.contains("learned"), "\(long.errors)")
    }
}
