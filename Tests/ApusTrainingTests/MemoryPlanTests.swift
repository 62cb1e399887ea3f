import ApusBase
import ApusDescription
import Testing

@testable import ApusTraining

/// The plan of a run's memory, and what the system has for it.
@Suite struct MemoryPlanTests {
    private let layer = LayerDescription(
        attention: AttentionDescription(heads: 9, kvHeads: 3, headSize: 64), feedForward: FeedForwardDescription(width: 1536))

    private func description(_ layer: LayerDescription, layers: Int = 30) -> DecoderDescription {
        DecoderDescription(
            architecture: "llama", vocabularySize: 49152, width: 576, contextLength: 2048, norm: .rms(epsilon: 1e-5),
            position: .none, layers: Array(repeating: layer, count: layers), head: HeadDescription(tied: true))
    }

    @Test func parametersTakeTheirBytes() {
        let description = description(layer)
        #expect(description.parameterCount == 134_515_008)
        let plan = MemoryPlan(.init(description, microBatch: 2, sequenceLength: 256, computeByteCount: 4, optimizerByteCount: 8, fixedByteCount: 1000))
        #expect(plan.weights == 538_060_032 && plan.gradients == 538_060_032 && plan.moments == 1_076_120_064)
        #expect(plan.total == plan.weights + plan.gradients + plan.moments + plan.activations - plan.lent + plan.workspace + plan.process)
        #expect(plan.process == 1000)
    }

    /// Texts need a tokenizer, of the model's vocabulary as far as is known before it is read.
    @Test func theProcessHasThreadsAndATokenizer() throws {
        let folder = ScratchFolder()
        func process(_ files: String, threads: Int) throws -> Int {
            let configuration = try TrainingConfiguration(
                yaml: "model: {preset: llama-15m}\ndata: {\(files)}\ncheckpoint: {directory: \(folder.path)/run}", subject: "test")
            return try MemoryPlan(TrainingParts(configuration, threads: threads, notify: { _ in }).plan).process
        }
        let alone = try process("train: [a]", threads: 1)
        #expect(try process("train: [a]", threads: 9) == alone + 8 * 524_288)
        for files in ["train: [a.txt]", "train: [a.bin], validation: [b.jsonl]"] {
            #expect(try process(files, threads: 1) == alone + 16_777_216 + 128 * 32000)
        }
    }

    /// Sums by hand for C = 576, H·D = 576, K·D = 192, F = 1536.
    @Test(arguments: [
        (MemoryPlan.Recompute.none, 2, 2 * (4 * 576 + 2 * 576 + 2 * 192 + 3 * 1536) + 36), (.none, 4, 4 * (4 * 576 + 2 * 576 + 2 * 192 + 3 * 1536) + 36),
        (.selective, 2, 2 * (2 * 576 + 2 * 576 + 2 * 192 + 2 * 1536) + 36),
    ])
    func aBlockKeepsWhatTheTapeKeeps(mode: MemoryPlan.Recompute, size: Int, expected: Int) {
        #expect(MemoryPlan.bytesPerToken(layer, width: 576, computeByteCount: size, mode) == expected)
        let plan = MemoryPlan(.init(description(layer), microBatch: 2, sequenceLength: 256, computeByteCount: size, recompute: mode))
        // Beside all blocks' the head's argument for the 341 tokens whose logits are 64 MiB, or a row of F made again.
        #expect(plan.activations == 512 * (30 * expected + 576 * size) + (mode == .none ? 341 * 576 : 512 * 1536) * size)
        #expect(plan.activationsPerLayerAndToken == Double(expected))
    }

    /// In the only pass of a step, all blocks but the first have the gradients of the one before them for their activations.
    @Test func activationsLieWhereGradientsCome() {
        var run = MemoryPlan.Run(description(layer), microBatch: 2, sequenceLength: 256, computeByteCount: 2)
        #expect(MemoryPlan(run).lent == 29 * 512 * MemoryPlan.bytesPerToken(layer, width: 576, computeByteCount: 2, .none))
        run.computeByteCount = 4
        // Gate and up, 6.3 MB, are more than is left of 14.2 MB; what comes behind them is not.
        #expect(MemoryPlan(run).lent == 29 * 512 * (4 * (6 * 576 + 2 * 192 + 1536) + 36))
        run.passes = 2
        #expect(MemoryPlan(run).lent == 0)
        (run.passes, run.recompute) = (1, .full)
        #expect(MemoryPlan(run).lent == 0)
    }

    /// All micro-batches of a step are there at once, as ids.
    @Test func microBatchesTakeTheirIds() {
        var run = MemoryPlan.Run(description(layer), microBatch: 2, sequenceLength: 256, computeByteCount: 2, recompute: .full)
        let one = MemoryPlan(run)
        run.passes = 1000
        #expect(MemoryPlan(run).total == one.total + 999 * 512 * 16)
    }

    /// The greatest numbers that a configuration may have are too much for a machine, not for the plan.
    @Test(arguments: MemoryPlan.Recompute.allCases) func theGreatestRunIsRefused(mode: MemoryPlan.Recompute) {
        var keys = ModelDescriptionKeys()
        (keys.vocabularySize, keys.width, keys.layers, keys.heads, keys.headSize) = (1 << 24, 1 << 17, 4096, 4096, 4096)
        (keys.feedForwardWidth, keys.contextLength, keys.positionOffset, keys.position, keys.tied) = (1 << 20, 1 << 24, 65536, .learned, false)
        var run = MemoryPlan.Run(keys.description, microBatch: 65536, sequenceLength: 1 << 24, computeByteCount: 4, recompute: mode)
        for passes in [1, 65536] {
            run.passes = passes
            #expect(run.description.flopsPerToken(context: 1 << 24) > 1 << 61)
            #expect(throws: InputError.self) { try MemoryPlan(run).check(run, available: 1 << 50) }
        }
    }

    @Test func fullRecomputeKeepsInputsAndOneBlock() {
        let plan = MemoryPlan(.init(description(layer), microBatch: 2, sequenceLength: 256, computeByteCount: 2, recompute: .full))
        let block = MemoryPlan.bytesPerToken(layer, width: 576, computeByteCount: 2, .selective)
        #expect(plan.activations == 512 * (29 * 576 * 2 + block + 576 * 2 + 1536 * 2))
    }

    @Test func topologiesDifferInTheirNorms() {
        func rows(_ topology: BlockTopology, _ mode: MemoryPlan.Recompute) -> Int {
            var other = layer
            other.topology = topology
            let rest = 2 * 576 + 2 * 192 + (mode == .none ? 3 : 2) * 1536
            return (MemoryPlan.bytesPerToken(other, width: 576, computeByteCount: 2, mode) - 36 - 2 * rest) / (2 * 576)
        }
        let cases: [(BlockTopology, Int, Int)] = [
            (.sequential(.pre), 4, 2), (.sequential(.post), 4, 3), (.sequential(.deepNorm(scale: 2)), 4, 3), (.sequential(.sandwich), 6, 4),
            (.sequential(.normedResidual(scale: 2)), 4, 2), (.parallel(norms: .one), 2, 1), (.parallel(norms: .two), 3, 1),
        ]
        for (topology, none, selective) in cases {
            #expect(rows(topology, .none) == none, "\(topology)")
            #expect(rows(topology, .selective) == selective, "\(topology)")
        }
    }

    @Test(arguments: MemoryPlan.Recompute.allCases) func theLongestSequenceIsTheLastThatFits(mode: MemoryPlan.Recompute) {
        var run = MemoryPlan.Run(description(layer), microBatch: 2, sequenceLength: 256, computeByteCount: 2, recompute: mode)
        for available in [2_500_000_000, 3_000_000_000, 16_000_000_000] {
            run.sequenceLength = MemoryPlan.longestSequence(run, within: available)
            #expect(run.sequenceLength > 0 && run.sequenceLength % 16 == 0)
            #expect(MemoryPlan(run).total <= available)
            run.sequenceLength += 16
            #expect(MemoryPlan(run).total > available)
        }
        #expect(MemoryPlan.longestSequence(run, within: 2_000_000_000) == 0)
        #expect(MemoryPlan.longestSequence(run, within: .max / 2) == 1 << 24)
        run.description.position = .learned(offset: 0)
        #expect(MemoryPlan.longestSequence(run, within: .max / 2) == 2048)
    }

    @Test func whatDoesNotFitIsAnErrorWithTheTable() throws {
        let run = MemoryPlan.Run(description(layer), microBatch: 4, sequenceLength: 8192, computeByteCount: 2)
        let plan = MemoryPlan(run)
        try plan.check(run, available: nil)
        try plan.check(run, available: plan.total)
        do throws(InputError) {
            try plan.check(run, available: 4_000_000_000)
            Issue.record("it fits")
        } catch {
            let longest = MemoryPlan.longestSequence(run, within: 4_000_000_000)
            for part in [
                "memory: the run needs ",
                ", but 4.00 GB are available; lower data.sequence_length to \(longest) or less, or batch.micro, set recompute.mode: full",
                "\nweights         538 MB   135 M parameters, f32\n", "moments        1.08 GB   8 bytes a parameter",
                "4 × 8192 tokens, no recompute, 16.9 kB a layer and token", "\navailable      4.00 GB   longest sequence that fits: \(longest) tokens",
            ] { #expect(error.description.contains(part), "\(part) is not in\n\(error)") }
        }
    }

    // MARK: The system

    private func system(_ files: [String: String]) throws -> (folder: ScratchFolder, available: Int?) {
        let folder = ScratchFolder()
        for (name, text) in files {
            let path = folder.path + "/" + name
            try makeFolders(parentFolder(path))
            let file = try AtomicFile(path: path)
            try file.write(Array(text.utf8))
            try file.commit()
        }
        let read = AvailableMemory.read(meminfo: folder.path + "/meminfo", groupOfProcess: folder.path + "/group", groups: folder.path + "/groups")
        return (folder, read)
    }

    private static let meminfo = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\nBuffers:  5 kB\n"

    @Test(
        arguments: [
            ([:], nil),
            (["meminfo": meminfo], 20_480_000_000),
            (["meminfo": "MemTotal: 5 kB\n"], nil),
            // Version 2: the tightest group on the way up counts, and its cache of files makes room.
            (
                [
                    "meminfo": meminfo, "group": "0::/a/b\n", "groups/a/memory.max": "8000000000\n", "groups/a/memory.current": "3000000000\n",
                    "groups/a/memory.stat": "anon 5\ninactive_file 500000000\n", "groups/a/b/memory.max": "max\n", "groups/a/b/memory.current": "5\n",
                ], 5_500_000_000
            ),
            (["meminfo": meminfo, "group": "0::/\n", "groups/memory.max": "100\n", "groups/memory.current": "300\n"], 0),
            // Version 1, as in older containers.
            (
                [
                    "meminfo": meminfo, "group": "4:cpu:/x\n3:memory:/\n", "groups/memory/memory.limit_in_bytes": "2000000000\n",
                    "groups/memory/memory.usage_in_bytes": "1500000000\n", "groups/memory/memory.stat": "cache 1\ntotal_inactive_file 1000\n",
                ], 500_001_000
            ),
            (
                [
                    "meminfo": meminfo, "group": "3:memory:/\n", "groups/memory/memory.limit_in_bytes": "9223372036854771712\n",
                    "groups/memory/memory.usage_in_bytes": "1\n",
                ], 20_480_000_000
            ),
        ] as [([String: String], Int?)])
    func theSystemSaysWhatThereIs(files: [String: String], expected: Int?) throws {
        let found = try system(files)
        #expect(found.available == expected)
    }

    @Test func thisMachineSaysWhatItHas() throws {
        let available = try #require(AvailableMemory.read())
        #expect(available > 1 << 20 && available < 1 << 50)
    }
}
