import ApusBase
import ApusDescription
import Testing

@testable import ApusTraining

@Suite struct ConfigurationTests {
    /// The contract's own example.
    private static let whole = """
        model:                       # one of: from, preset, or an inline description
          from: models/smol
        data:
          train: [a.txt, {path: web, weight: 2}, {path: code, weight: 0.5}]
          validation: [..]
          sequence_length: 256
          pack: true
          shuffle: true
          seed: 1
        objective: {kind: causal}
        optimizer: {kind: adamw, learning_rate: 3e-4, betas: [0.9, 0.95], epsilon: 1e-8, weight_decay: 0.1, gradient_clip: 1.0}
        schedule: {kind: cosine, warmup_steps: 100, total_steps: 1000, minimum_learning_rate: 3e-5}
        batch: {micro: 4, accumulate: 2}
        precision: {compute: bf16, loss_scale: dynamic}
        recompute: {mode: none}
        stability: {z_loss: 0, embedding_gradient_scale: 1, spike_rollback: false}
        parallel: {data: 1, tensor: 1, sequence: false, context: 1, pipeline: 1, schedule: 1f1b,
                   virtual_stages: 1, zero: 0, offload: none, device_memory: none}
        adapter: {method: none}
        checkpoint: {directory: runs/x, every: 200, keep: 3}
        log: {every: 10, tensorboard: true}
        """
    private static let least = "model: {preset: llama-15m}\ndata: {train: [a.txt]}\n"

    private func read(_ yaml: String, _ overrides: [String] = []) throws(InputError) -> TrainingConfiguration {
        try TrainingConfiguration(yaml: yaml, subject: "c.yaml", overrides: overrides)
    }

    @Test func theContractsExampleIsRead() throws {
        let yaml = Self.whole.replacing("[a.txt, ", with: "[{path: a.txt, weight: 1}, ")
        let read = try read(yaml)
        #expect(read.model.from == "models/smol")
        #expect(read.data.train == [DataSource(path: "a.txt", weight: 1), DataSource(path: "web", weight: 2), DataSource(path: "code", weight: 0.5)])
        #expect(read.parallel.data == 1 && read.data.validation == [DataSource(path: "..")])
        // All else in the example is the default.
        var expected = TrainingConfiguration()
        (expected.model, expected.data, expected.parallel) = (read.model, read.data, read.parallel)
        #expect(read == expected)
        #expect(read.data.sequenceLength == 256 && read.optimizer.betas == [0.9, 0.95] && read.precision.lossScale == .dynamic)
    }

    @Test func optionsLieOverTheFile() throws {
        let read = try read(
            Self.least, ["optimizer.learning_rate=1e-3", "data.train=[x, y]", "model.preset=llama-7b", "log={every: 2}", "schedule.total_steps=200"])
        #expect(read.optimizer.learningRate == 1e-3 && read.data.train.map(\.path) == ["x", "y"] && read.model.preset == "llama-7b")
        #expect(read.log.every == 2 && read.schedule.totalSteps == 200)
    }

    /// A text that follows `least`, or stands alone after a `-`, and the start of the error.
    @Test(arguments: [
        ("optimiser: {kind: adamw}", "c.yaml, at line 3: optimiser is not a key of the configuration; did you mean optimizer?"),
        ("optimizer:\n  learning_rat: 1", "c.yaml, at line 4: optimizer.learning_rat is not a key of the configuration; did you mean optimizer.learning_rate?"),
        ("batch:\n\n  learning_rate: 1", "c.yaml, at line 5: batch.learning_rate is not a key of the configuration; did you mean optimizer.learning_rate?"),
        ("batch: {micro: four}", "c.yaml, at line 3: batch.micro must be a whole number, not four"),
        ("batch: {micro: \"4\"}", "c.yaml, at line 3: batch.micro must be a whole number, not the text \"4\""),
        ("batch: {micro: 0}", "c.yaml, at line 3: batch.micro must be a whole number from 1 to 65536, not 0"),
        ("batch: {micro: 1000000000000000}", "c.yaml, at line 3: batch.micro must be a whole number from 1 to 65536, not 1000000000000000"),
        ("batch: {accumulate: 1000000000000}", "c.yaml, at line 3: batch.accumulate must be a whole number from 1 to 65536, not 1000000000000"),
        ("batch: 4", "c.yaml, at line 3: batch must be a mapping of keys to values, not 4"),
        ("optimizer: {learning_rate: inf}", "c.yaml, at line 3: optimizer.learning_rate must be a number, not inf"),
        ("optimizer: {betas: [0.9]}", "c.yaml, at line 3: optimizer.betas must be a list, each a number, two of them"),
        ("optimizer: {betas: [0.9, 1]}", "c.yaml, at line 3: optimizer.betas must be"),
        ("optimizer: {kind: adam}", "c.yaml, at line 3: optimizer.kind must be one of adamw, adafactor, lion, sgd, muon, not adam; did you mean adamw?"),
        ("log: {tensorboard: yes}", "c.yaml, at line 3: log.tensorboard must be true or false, not yes"),
        ("precision: {loss_scale: 0}", "c.yaml, at line 3: precision.loss_scale must be dynamic, or a number from 1 to 16777216, not 0"),
        ("precision: {loss_scale: 1e308}", "c.yaml, at line 3: precision.loss_scale must be dynamic, or a number from 1 to 16777216, not 1e308"),
        ("optimizer: {learning_rate: 1e308}", "c.yaml, at line 3: optimizer.learning_rate must be a number from 0 to 1000, not 1e308"),
        ("optimizer: {epsilon: 1e-60}", "c.yaml, at line 3: optimizer.epsilon must be a number from 1e-30 to 1, not 1e-60"),
        ("optimizer: {weight_decay: 1e40}", "c.yaml, at line 3: optimizer.weight_decay must be a number from 0 to 1000, not 1e40"),
        ("stability: {z_loss: 1e25}", "c.yaml, at line 3: stability.z_loss must be a number from 0 to 1000, not 1e25"),
        ("- model: {norm_epsilon: 1e-60}", "c.yaml, at line 1: model.norm_epsilon must be a number from 1e-30 up to but not 1, not 1e-60"),
        ("- model: {rotary_base: 1e-308}", "c.yaml, at line 1: model.rotary_base must be a number from 1 to 1e+16, not 1e-308"),
        ("precision: {loss_scale: 128}", "c.yaml, at line 3: precision.loss_scale: bf16 needs no loss scale"),
        ("schedule: {warmup_steps: 2000}", "c.yaml, at line 3: schedule.warmup_steps: 2000 steps are more than total_steps, 1000"),
        ("schedule: {minimum_learning_rate: 1}", "c.yaml, at line 3: schedule.minimum_learning_rate: 1.0 is above"),
        ("schedule:\n  decay_steps: 3", "c.yaml, at line 4: schedule.decay_steps: only wsd has a decay of its own"),
        (
            "stability:\n  spike_rollback: true\ncheckpoint: {keep: 1, every: 10}",
            "c.yaml, at line 4: stability.spike_rollback: it goes back 20 steps or more, and no checkpoint is kept for longer than 10 steps; raise"
        ),
        ("stability: {spike_rollback: true}\ncheckpoint: {keep: 19, every: 1}", "c.yaml, at line 3: stability.spike_rollback: it goes back 20 steps"),
        ("parallel:\n  zero: 1", "c.yaml, at line 4: parallel.zero: this is not built yet; leave it at 0"),
        ("parallel: {tensor: 2}", "c.yaml, at line 3: parallel.tensor: this is not built yet"),
        ("adapter: {method: lora, r: 8}", "c.yaml, at line 3: adapter.r is not a key"),
        ("adapter: {method: lora}", "c.yaml, at line 3: adapter.method: this is not built yet"),
        ("batch: {micro: 1, micro: 2}", "c.yaml, at line 3: the key micro occurs twice"),
        ("batch: {micro: 1", "c.yaml, at line 4: is not YAML"),
        ("batch: *x", "c.yaml, at line 3: is not YAML"),
        ("? [a]\n: 1", "c.yaml, at line 3: a key must be a plain word"),
        ("objective: {mixture: [{kind: causal, wight: 1}]}", "c.yaml, at line 3: objective.mixture[0].wight is not a key"),
        ("objective: {mixture: [{kind: instruction}, {kind: causal}]}", "c.yaml, at line 3: objective.mixture: instruction stands beside other kinds"),
        ("objective: {weight: 2}", "c.yaml, at line 3: objective.weight: a weight means nothing outside a mixture"),
        ("-", "c.yaml, at line 1: model: no model is given"),
        ("- model: {preset: llama-15m}", "c.yaml, at line 1: data.train: names no files"),
        ("- model: {preset: llama-15, from: x}\ndata: {train: [a]}", "c.yaml, at line 1: model.preset: from and preset stand against each other"),
        ("- model: {preset: llama-15}\ndata: {train: [a]}", "c.yaml, at line 1: model.preset: there is no preset llama-15; did you mean llama-15m?"),
        ("- model: {widht: 3}", "c.yaml, at line 1: model.widht is not a key of the configuration; did you mean model.width?"),
        ("- model: {width: 100, heads: 6}\ndata: {train: [a]}", "c.yaml, at line 1: model.heads: the width 100 is not a multiple of 6 heads"),
        ("- model: {preset: llama-15m, random: true}\ndata: {train: [a]}", "c.yaml, at line 1: model.random: new weights are drawn anyway"),
        ("- model: {preset: llama-15m}\ndata: {train: [a, {path: b, weight: 1}]}", "c.yaml, at line 2: data.train: some sources have a weight"),
        ("- model: {preset: llama-15m}\ndata: {train: [{weight: 1}]}", "c.yaml, at line 2: data.train[0] has a weight but no path"),
        ("- model: {preset: llama-15m}\ndata: {train: [{path: a, weight: 0}]}", "c.yaml, at line 2: data.train[0].weight must be a number above 0"),
        ("- [a]", "c.yaml, at line 1: the configuration must be a mapping"),
    ])
    func mistakesAreNamed(text: String, message: String) {
        let yaml = text.hasPrefix("-") ? String(text.dropFirst(text == "-" ? 1 : 2)) : Self.least + text
        let error = #expect(throws: InputError.self) { try read(yaml) }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "none")")
    }

    /// Where a checkpoint from before a spike may be there, a run can go back.
    @Test(arguments: [(1, 20), (2, 10), (20, 1), (3, 200), (1_000_000, 1_000_000)]) func rollbackNeedsCheckpointsOldEnough(keep: Int, every: Int) throws {
        let read = try read(Self.least + "stability: {spike_rollback: true}\ncheckpoint: {keep: \(keep), every: \(every)}")
        #expect(read.stability.spikeRollback)
    }

    /// Numbers that products of them would leave no room for.
    @Test(arguments: [
        "vocabulary_size", "width", "layers", "heads", "key_value_heads", "head_size", "feed_forward_width", "context_length", "position_offset",
        "window",
    ]) func sizesHaveMaxima(key: String) {
        let error = #expect(throws: InputError.self) { try read("model: {\(key): \(Int.max)}\ndata: {train: [a]}") }
        #expect(error?.rule.hasPrefix("model.\(key) must be a whole number from ") == true, "\(error?.description ?? "none")")
    }

    @Test func mistakesInOptionsNameTheOption() {
        for (option, message) in [
            ("batch.micro", "--set batch.micro: must be a key, an equals sign and a value"),
            ("batch.micr=1", "--set batch.micr=1: batch.micr is not a key of the configuration; did you mean batch.micro?"),
            ("batch.micro=x", "--set batch.micro=x: batch.micro must be a whole number, not x"),
            ("batch..micro=1", "--set batch..micro=1: a key stands before the equals sign"),
            ("batch.micro=[", "--set batch.micro=[: is not YAML"),
            ("parallel.zero=2", "--set parallel.zero=2: parallel.zero: this is not built yet"),
        ] {
            let error = #expect(throws: InputError.self) { try read(Self.least, [option]) }
            #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "none")")
        }
    }

    @Test func textsThatGrowOrNestAreRefused() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<9 { bomb += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]\n" }
        #expect(throws: InputError.self) { try read(bomb) }
        #expect(throws: InputError.self) { try read("a: " + String(repeating: "[", count: 200_000)) }
        #expect(throws: InputError.self) { try TrainingConfiguration(path: "/nowhere/c.yaml") }
    }

    @Test func aModelOfItsOwnIsDescribed() throws {
        let plain = try read("model: {vocabulary_size: 32000}\ndata: {train: [a]}")
        #expect(plain.model.description.description == Preset.named("llama-15m")[0].description)
        let keys = """
            model: {architecture: bloom, vocabulary_size: 250880, width: 1024, layers: 24, heads: 16, gated: false, activation: gelu_tanh, norm: layer,
              position: alibi, attention_input_bias: true, attention_output_bias: true, feed_forward_bias: true, embedding_norm: true, context_length: 2048}
            data: {train: [a]}
            """
        #expect(try read(keys).model.description.description == Preset.named("bloom-560m")[0].description)
        let plainNorms = "gated: false, norm: layer, feed_forward_bias: true, context_length: 2048"
        let biased = plainNorms + ", attention_input_bias: true, attention_output_bias: true, position_offset: 2"
        for (preset, keys) in [
            (
                "gpt-j-6b",
                """
                architecture: gptj, vocabulary_size: 50400, width: 4096, layers: 28, heads: 16, \(plainNorms), activation: gelu_tanh, topology: parallel,
                  rotary_style: interleaved, rotary_fraction: 0.25, tied: false, head_bias: true
                """
            ),
            ("opt-125m", "architecture: opt, vocabulary_size: 50272, width: 768, layers: 12, heads: 12, \(biased), activation: relu, position: learned"),
            (
                "xglm-564m",
                """
                architecture: xglm, vocabulary_size: 256008, width: 1024, layers: 24, heads: 16, \(biased), activation: gelu, position: sinusoidal,
                  scale_embedding: true
                """
            ),
        ] {
            #expect(try read("model: {\(keys)}\ndata: {train: [a]}").model.description.description == Preset.named(preset)[0].description, "\(preset)")
        }
    }

    @Test func changesAreListed() throws {
        func mixture(_ rate: String) throws -> TrainingConfiguration {
            try read(Self.least, ["objective.mixture=[{kind: causal}, {kind: masked, mask_rate: \(rate)}]"])
        }
        let before = try mixture("0.2"), text = before.json.serialized(), earlier = try JSON(parsing: Array(text.utf8), subject: "state.json")
        #expect(before.changes(since: earlier).isEmpty)
        var after = before
        (after.optimizer.betas, after.precision.compute, after.checkpoint.keep) = ([0.8, 0.95], .f32, 5)
        let expected = [
            "optimizer.betas is [0.8, 0.95] and was [0.9, 0.95]", "precision.compute is f32 and was bf16", "checkpoint.keep is 5 and was 3",
        ]
        #expect(after.changes(since: earlier) == expected)
        let parts = try mixture("0.3").changes(since: earlier)
        #expect(parts.count == 1 && parts[0].contains("{kind: masked, mask_rate: 0.3, weight: 1}] and was"), "\(parts)")
        // A key that the checkpoint knew nothing of.
        #expect(after.changes(since: .object([:])).isEmpty)
    }

    @Test func theDocumentationListsEveryKey() throws {
        let path = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = String(decoding: try FileReader.contents(of: "/\(path)/docs/configuration.md"), as: UTF8.self)
        let tables = ConfigurationReference.markdown
        #expect(page.hasSuffix("\n" + tables), "docs/configuration.md must end with:\n\(tables)")
        #expect(tables.split(separator: "\n").count { $0.hasPrefix("| `") } > 70)
    }
}
