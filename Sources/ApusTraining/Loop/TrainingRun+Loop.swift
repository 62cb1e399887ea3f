import ApusAutograd
import ApusBase
import ApusLayers
import ApusModels
import ApusTensor
import Glibc

extension TrainingRun {
    /// What a run came to.
    package struct Result {
        package var loss: Double?
        package var step: Int
        package var tokens: Int
        package var tokensPerSecond: Double
        /// Whether it was stopped before its end.
        package var wasStopped: Bool
    }

    /// Trains to the last step, or until asked to stop; then a checkpoint is written.
    /// - Parameters:
    ///   - shouldStop: asked between steps.
    ///   - show: given the line of progress when a step is logged.
    package func run(shouldStop: () -> Bool, show: (TrainingProgress) -> Void) throws(InputError) -> Result {
        var loss: Double?, seconds = 0.0, trained = 0, sinceLog = (tokens: 0, seconds: 0.0, steps: 0)
        let last = configuration.schedule.totalSteps
        try openData()
        if step < last {
            progress.peakFlopsPerSecond = backend.measurePeak(of: configuration.precision.compute.type)
            for note in try loader.summary().notes { notify(note) }
        }
        while step < last, !shouldStop() {
            let start = ContinuousClock.now, outcome = try takeStep(), duration = start.duration(to: .now).seconds
            loss = outcome.loss.crossEntropy
            (seconds, trained) = (seconds + duration, trained + outcome.tokens)
            sinceLog = (sinceLog.tokens + outcome.tokens, sinceLog.seconds + duration, sinceLog.steps + 1)
            if try goBackAfterSpike(outcome) { continue }
            let validates = !configuration.data.validation.isEmpty && (step % configuration.log.validateEvery == 0 || step == last)
            if step % configuration.log.every == 0 || step == last || step == 1 || validates {
                try record(outcome, sinceLog, validates: validates)
                show(progress)
                sinceLog = (0, 0, 0)
            }
            // One after skipped steps alone would push out an earlier one for the same weights.
            if step == last || step % configuration.checkpoint.every == 0 && updates != saved.updates { try save() }
        }
        let wasStopped = step < last
        if saved.step != step { try save() }
        if !wasStopped, canWriteModel { try writeModel() }
        try log.end(wasStopped ? .stopped("by a signal") : .finished, progress, elapsedSeconds: elapsedSeconds)
        return Result(loss: loss, step: step, tokens: tokens, tokensPerSecond: seconds > 0 ? Double(trained) / seconds : 0, wasStopped: wasStopped)
    }

    /// Waits until the data are open, their texts tokenized. Nothing of the run needs saving before.
    package func openData() throws(InputError) {
        guard step < configuration.schedule.totalSteps else { return }
        _ = try loader.summary()
        guard validation == nil, !configuration.data.validation.isEmpty else { return }
        let loader = try DataLoader(recipe.validation, micro: configuration.batch.micro)
        // What is wrong anywhere in them is an error now, not at a later step.
        while try loader.next() != nil {}
        validation = try loader.groups()
    }

    /// Reads the validation data once more.
    func validationLoss() throws(InputError) -> Double {
        let loader = try DataLoader(recipe.validation, micro: configuration.batch.micro, groups: validation)
        return try pass.evaluate { () throws(InputError) in
            try loader.next().map { MicroBatch($0, of: model.decoder.description, cache: cache) }
        }.crossEntropy
    }

    struct Outcome {
        var loss: GradientPass.Loss
        var gradientNorm: Double
        var learningRate: Double
        var tokens: Int
    }

    /// One step: gradients of all micro-batches, and the update unless they are not finite.
    private func takeStep() throws(InputError) -> Outcome {
        var batches: [MicroBatch] = [], count = 0
        let seed = UInt64(configuration.data.seed), next = step + 1
        for first in stride(from: 0, to: configuration.batch.accumulate * configuration.batch.micro, by: configuration.batch.micro) {
            guard let batch = try loader.next() else { break }
            batches.append(
                MicroBatch(batch, of: model.decoder.description, cache: cache) {
                    RandomStream(seed: seed, step: next, sequence: first + $0, site: .dropout)
                })
            count += batch.tokens
        }
        let scale = scaler?.scale ?? 1, loss = try pass.run(batches, lossScale: Float(scale))
        let gradients = Rows(model.parameters.gradients, count: 1, width: model.parameters.elementCount)
        let clip = GradientClip(sumOfSquares: backend.sumOfSquares(gradients), lossScale: scale, maximum: configuration.optimizer.gradientClip)
        step += 1
        tokens += count
        let rate = rates.rate(at: step)
        let isGood = try updateGuard.allows(
            step: step, loss: loss.crossEntropy, gradientNorm: clip.norm, clippedNorm: clip.clippedNorm, lossScale: scaler?.scale)
        scaler?.finish(isFinite: isGood)
        if isGood {
            rule.update(
                OptimizerStep(number: updates, learningRate: rate, gradientScale: clip.factor), weights: model.parameters.weights,
                gradients: model.parameters.gradients, state: optimizer, on: backend)
        }
        return Outcome(loss: loss, gradientNorm: clip.norm, learningRate: rate, tokens: count)
    }

    /// Whether the run has gone back to an earlier checkpoint.
    private func goBackAfterSpike(_ outcome: Outcome) throws(InputError) -> Bool {
        guard spikes != nil, case .goBack(let limit) = try spikes!.observe(step: step, loss: outcome.loss.crossEntropy) else { return false }
        guard let checkpoint = store.newestValid(upTo: limit).checkpoint else {
            notify("the loss rose to \(outcome.loss.crossEntropy) at step \(step), and there is no checkpoint up to step \(limit) to go back to")
            return false
        }
        let spikeStep = step, kept = spikes!
        try restore(checkpoint)
        spikes = kept
        if let json = checkpoint.state.parts[.stability]?["spikes"], !json.isNull { try spikes!.restoreLosses(json, subject: checkpoint.path) }
        let skipped = spikes!.wentBack(to: step)
        store.remove(after: step)
        loader = try DataLoader(recipe, micro: configuration.batch.micro, groups: loader.groups(), resuming: Self.position(checkpoint))
        for _ in 0..<skipped * configuration.batch.accumulate { _ = try loader.next() }
        let reason = "the loss rose to \(outcome.loss.crossEntropy) at step \(spikeStep): back to step \(step), \(skipped) batches passed over"
        notify(reason)
        try log.goBack(to: step, reason)
        return true
    }

    private func record(_ outcome: Outcome, _ since: (tokens: Int, seconds: Double, steps: Int), validates: Bool) throws(InputError) {
        var line = MetricsRecord(step: step)
        (line.loss, line.gradientNorm, line.learningRate) = (outcome.loss.crossEntropy, outcome.gradientNorm, outcome.learningRate)
        (line.tokens, line.peakResidentByteCount, line.skipped) = (tokens, Self.peakResidentByteCount, updateGuard.skipped)
        line.tokensPerSecond = since.seconds > 0 ? Double(since.tokens) / since.seconds : nil
        line.lossScale = scaler?.scale
        if validates { line.validationLoss = try validationLoss() }
        progress.step = step
        (progress.loss, progress.validationLoss) = (line.loss, line.validationLoss ?? progress.validationLoss)
        (progress.tokensPerSecond, progress.secondsPerStep) = (line.tokensPerSecond, since.seconds / Double(max(since.steps, 1)))
        (progress.residentByteCount, progress.skipped) = (line.peakResidentByteCount, updateGuard.skipped)
        line.modelFlopsUtilization = progress.modelFlopsUtilization
        try log.add(line, progress, elapsedSeconds: elapsedSeconds)
    }

    /// The weights on their way into a folder in Hugging Face layout, `model` in the run's folder.
    /// - Throws: an `InputError` when that cannot say all that the model is.
    func conversion() throws(InputError) -> ModelConversion {
        try ModelConversion(ModelSource(model, from: source, tokenizer: configuration.data.tokenizer), to: store.modelPath, type: .f32)
    }

    private func writeModel() throws(InputError) {
        var conversion = try conversion()
        do {
            _ = try conversion.run(on: backend, replacing: true)
        } catch let error as InputError {
            throw error
        } catch {
            throw InputError(store.modelPath, "\(error)")
        }
        for note in conversion.notes { notify(note) }
    }

    private static var peakResidentByteCount: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }
}
