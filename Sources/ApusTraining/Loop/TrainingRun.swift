import ApusAutograd
import ApusBase
import ApusDescription
import ApusLayers
import ApusModels
import ApusTensor

/// A run of `apus train`: the model, its optimizer, the data, and where they are.
package final class TrainingRun {
    package let configuration: TrainingConfiguration
    let backend: CPUBackend
    let model: TrainedModel
    /// The files the model was made from, if there are such.
    let source: ModelSource?
    let pass: GradientPass
    let rule: any Optimizer
    let optimizer: OptimizerState
    let rates: LearningRateSchedule
    let store: CheckpointStore
    let recipe: DataRecipe
    let cache: KeyValueCache
    let log: RunLog
    let notify: (String) -> Void

    var loader: DataLoader
    /// Steps taken.
    package internal(set) var step = 0
    /// Tokens that went through the model.
    package internal(set) var tokens = 0
    var updateGuard = UpdateGuard()
    /// Steps and updates of the weights that the newest checkpoint has.
    var saved = (step: 0, updates: 0)
    var scaler: LossScaler?
    var spikes: SpikeRollback?
    var progress: TrainingProgress
    /// The validation data, once they are open.
    var validation: [SourceGroup]?
    /// Whether the files of the model's family have words for all that it is made of.
    private(set) var canWriteModel = true
    private let started = ContinuousClock.now
    /// Of the run before it was continued.
    private var earlierSeconds = 0.0

    /// Prepares a run: new, or going on from its newest valid checkpoint.
    /// - Parameters:
    ///   - resumes: go on from the checkpoints of `checkpoint.directory`, if there are any.
    ///   - notify: given lines for a person.
    /// - Throws: an `InputError` for whatever is wrong with the model, the data, the folder or the memory.
    package init(_ configuration: TrainingConfiguration, on backend: CPUBackend, resumes: Bool, notify: @escaping (String) -> Void) throws(InputError) {
        let parts = try TrainingParts(configuration, threads: backend.threadCount, notify: notify)
        let directory = configuration.checkpoint.directory
        self.configuration = configuration
        self.backend = backend
        self.notify = notify
        source = parts.source
        store = try CheckpointStore(directory: directory, keep: configuration.checkpoint.keep)
        if !resumes, let newest = store.steps.last {
            throw InputError(
                directory, "holds a run that has come to step \(newest)", remedy: "go on with it by --resume, or give another checkpoint.directory")
        }
        try store.checkPlaceOfModel(madeFrom: source?.path)
        model = try parts.model(on: backend)
        pass = GradientPass(
            model, labelSmoothing: Float(configuration.objective.labelSmoothing), zLoss: Float(configuration.stability.zLoss))
        model.tape.embeddingGradientScale = Float(configuration.stability.embeddingGradientScale)
        let rule = configuration.optimizer.rule
        guard let optimizer = OptimizerState(rule, parts.slices, on: backend) else { throw TrainingParts.noMemoryForState }
        self.rule = rule
        self.optimizer = optimizer
        rates = configuration.schedule.rates(peak: configuration.optimizer.learningRate)
        cache = try KeyValueCache(model.decoder, positions: configuration.data.sequenceLength, dtype: .f32)
        recipe = try parts.recipe(scratchFolder: directory)
        if configuration.precision.compute == .f16 {
            scaler = if case .fixed(let scale) = configuration.precision.lossScale { LossScaler(fixed: scale) } else { LossScaler() }
            updateGuard = .withLossScale
        }
        if configuration.stability.spikeRollback { spikes = SpikeRollback() }
        let (checkpoint, skipped) = store.newestValid()
        for error in skipped { notify("passed over a checkpoint: \(error)") }
        if let checkpoint {
            for path in try store.setAside(after: checkpoint.state.step) { notify("the damaged checkpoint is kept as \(path)") }
        } else if !skipped.isEmpty {
            throw InputError(
                directory, "none of its checkpoints is valid: \(store.steps.map(store.name(ofStep:)).joined(separator: ", "))",
                remedy: "put back a copy of one, or move them away to start anew")
        }
        let position = try checkpoint.map { (checkpoint) throws(InputError) in try Self.position(checkpoint) }
        loader = try DataLoader(recipe, micro: configuration.batch.micro, resuming: position)
        log = try RunLog(
            directory: directory, title: directory, subtitle: parts.summary, configuration: configuration.json,
            tensorBoard: configuration.log.tensorboard, continuingFrom: checkpoint?.state.step ?? 0)
        progress = TrainingProgress(
            step: 0, totalSteps: configuration.schedule.totalSteps,
            flopsPerToken: 3 * Double(parts.description.flopsPerToken(context: configuration.data.sequenceLength)))
        if let checkpoint {
            let changes = configuration.changes(since: checkpoint.state.configuration)
            if !changes.isEmpty { notify("\(checkpoint.path) was made by other settings: \(changes.joined(separator: ", "))") }
            try restore(checkpoint)
            earlierSeconds = checkpoint.state.elapsedSeconds
        }
        try checkWeights(checkpoint?.path ?? parts.source?.path ?? "the new model")
        do throws(InputError) { _ = try conversion() } catch {
            canWriteModel = false
            notify("the finished model will not be written, since \(error.rule); its weights will be those of the last checkpoint")
        }
    }

    /// What a run would take, without one; the plan goes to `notify`.
    /// - Throws: an `InputError` for whatever is wrong with the configuration or the model, or when there is not enough memory.
    package static func plan(
        _ configuration: TrainingConfiguration, threads: Int, notify: (String) -> Void
    ) throws(InputError) -> (parameterCount: Int, memory: MemoryPlan) {
        let parts = try TrainingParts(configuration, threads: threads, notify: notify)
        return (parts.description.parameterCount, MemoryPlan(parts.plan))
    }

    /// Steps that changed the weights.
    var updates: Int { step - updateGuard.skipped }

    /// Seconds of the run, those before it was continued included.
    var elapsedSeconds: Double { earlierSeconds + started.duration(to: .now).seconds }

    /// Numbers that are none would be laid to the training.
    private func checkWeights(_ path: String) throws(InputError) {
        for entry in model.parameters.entries {
            let values = UnsafeBufferPointer(start: model.parameters[entry.name].floats, count: entry.count)
            guard let index = firstNotFinite(values) else { continue }
            throw InputError(
                path, at: entry.name, "element \(index) is \(values[index])",
                remedy: "the weights are damaged; fetch the model again")
        }
    }
}
