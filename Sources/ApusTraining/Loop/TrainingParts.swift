import ApusAutograd
import ApusBase
import ApusDescription
import ApusLayers
import ApusModels
import ApusTemplates
import ApusTensor
import ApusTokenizers

/// What a configuration says a run is made of.
struct TrainingParts {
    let configuration: TrainingConfiguration
    let description: DecoderDescription
    /// The files that the model is made from, if it is.
    let source: ModelSource?
    /// What the model's configuration leaves out in training.
    let dropout: DropoutDescription
    private let threads: Int

    /// - Throws: an `InputError` when the model cannot be read, or the run would not fit into the memory.
    init(_ configuration: TrainingConfiguration, threads: Int, notify: (String) -> Void) throws(InputError) {
        self.configuration = configuration
        self.threads = threads
        source = try configuration.model.from.map { (path) throws(InputError) in try ModelSource(path: path) }
        for note in source?.notes ?? [] { notify(note) }
        dropout = try Self.dropout(of: source, notify)
        description = try Self.description(configuration, source, notify)
        if let limit = description.positionLimit, configuration.data.sequenceLength > limit {
            throw InputError(
                "data.sequence_length", "\(configuration.data.sequenceLength) tokens are more than the \(limit) positions that the model has learned",
                remedy: "lower it")
        }
        let plan = plan, available = AvailableMemory.read()
        notify(MemoryPlan(plan).table(plan, available: available))
        try MemoryPlan(plan).check(plan, available: available)
    }

    private static func dropout(of source: ModelSource?, _ notify: (String) -> Void) throws(InputError) -> DropoutDescription {
        guard let source else { return .none }
        let dropout = try source.dropout()
        func tell(_ what: String, _ keys: [String]) {
            if !keys.isEmpty { notify("\(source.path)/config.json: \(what): \(keys.joined(separator: ", "))") }
        }
        tell("trains with dropout", dropout.keys)
        tell("dropout that is not applied", dropout.ignoredKeys)
        return dropout.description
    }

    private static func description(
        _ configuration: TrainingConfiguration, _ source: ModelSource?, _ notify: (String) -> Void
    ) throws(InputError) -> DecoderDescription {
        let preset = Preset.all.first { $0.name == configuration.model.preset }
        let given = source?.description ?? preset?.description ?? configuration.model.description.description
        if given.head != nil { return given }
        guard let predicting = given.predictingHidden else {
            throw InputError("model", "\(given.architecture) is an encoder without a head that predicts tokens", remedy: "give another model")
        }
        if let source, given.maskedHead == nil, !configuration.model.random {
            notify("\(source.path): the files hold no head that predicts hidden tokens: it is drawn anew")
        }
        return predicting
    }

    /// The parameters as the optimizer sees them.
    var slices: [OptimizerSlice] { OptimizerSlice.all(of: description, decayAll: configuration.optimizer.decayAll) }

    static let noMemoryForState = InputError(
        "memory", "there is none for the optimizer's state", remedy: "take a smaller model or an optimizer with less state")

    var plan: MemoryPlan.Run {
        var run = MemoryPlan.Run(
            description, microBatch: configuration.batch.micro, sequenceLength: configuration.data.sequenceLength,
            computeByteCount: configuration.precision.compute == .f32 ? 4 : 2, recompute: configuration.recompute.mode)
        run.passes = configuration.batch.accumulate
        run.dropsSublayers = dropout.attentionOutput > 0 || dropout.feedForwardOutput > 0
        run.optimizerByteCount = configuration.optimizer.rule.byteCount(for: slices) / max(description.parameterCount, 1)
        run.fixedByteCount = ProcessMemory.byteCount(threads: threads, vocabularySize: readsText ? description.vocabularySize : nil)
        return run
    }

    /// The model, its weights read or drawn.
    func model(on backend: CPUBackend) throws(InputError) -> TrainedModel {
        let type = configuration.precision.compute.type
        let recompute = Tape.Recompute(rawValue: configuration.recompute.mode.rawValue)!
        let initialization = WeightInitialization(description: description, seed: UInt64(configuration.data.seed))
        if let source, !configuration.model.random {
            return try TrainedModel(source, dropout: dropout, type: type, recompute: recompute, on: backend) { initialization.draw($0, only: $1) }
        }
        return try TrainedModel(description, dropout: dropout, type: type, recompute: recompute, on: backend, draw: initialization.draw)
    }

    private var dataPaths: [String] { (configuration.data.train + configuration.data.validation).map(\.path) }
    private var readsText: Bool { dataPaths.contains(where: DocumentFiles.isText) }

    /// How the training data are read.
    func recipe(scratchFolder: String) throws(InputError) -> DataRecipe {
        var tokenizer: Tokenizer?, template: ChatTemplate?
        if readsText {
            if let path = configuration.data.tokenizer {
                tokenizer = try ModelSource.tokenizer(path: path)
            } else if let source {
                tokenizer = try source.tokenizer()
            } else {
                throw InputError(
                    "data.tokenizer", "text needs a tokenizer, and the model comes without one", remedy: "give a folder with tokenizer.json, or .bin files")
            }
            // Conversations stand in no other files.
            if dataPaths.contains(where: { $0.hasSuffix(".jsonl") }) { template = try chatTemplate() }
        }
        return DataRecipe(
            training: configuration, model: description, tokenizer: tokenizer, template: template, scratchFolder: scratchFolder, threads: threads)
    }

    /// That beside the tokenizer, where it is not the model's, or else the model's own.
    private func chatTemplate() throws(InputError) -> ChatTemplate? {
        if let path = configuration.data.tokenizer, let text = try ModelSource.chatTemplate(path: path) {
            return try ChatTemplate(source: text, name: path + ": chat template")
        }
        guard let source, let text = try source.chatTemplate() else { return nil }
        return try ChatTemplate(source: text, name: source.path + ": chat template")
    }

    /// The model and the data in a few words.
    var summary: String {
        let name = configuration.model.from ?? configuration.model.preset ?? description.architecture
        return "\(name), \(Figure.count(description.parameterCount)) parameters, on \(configuration.data.train.map(\.path).joined(separator: ", "))"
    }
}

extension TrainingConfiguration.Precision.Compute {
    var type: DType {
        switch self {
        case .f32: .f32
        case .bf16: .bf16
        case .f16: .f16
        }
    }
}
