import ApusBase

/// All that `apus train` is told: the sections of its YAML file, each key at its default unless written.
///
/// The keys of each section stand in one table (`ConfigurationSection.keys`), which reading, defaults, messages and
/// `docs/configuration.md` come from.
package struct TrainingConfiguration: Equatable, Sendable {
    package var model = Model()
    package var data = DataSettings()
    package var objective = Objective()
    package var optimizer = Optimizer()
    package var schedule = Schedule()
    package var batch = Batch()
    package var precision = Precision()
    package var recompute = Recompute()
    package var stability = Stability()
    package var parallel = Parallel()
    package var adapter = Adapter()
    package var checkpoint = Checkpoint()
    package var log = Log()

    package init() {}
}

extension TrainingConfiguration: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey(section: "model", \.model, "what is trained: one of `from`, `preset`, or a description by the other keys"),
            ConfigurationKey(section: "data", \.data, "what it is trained on"),
            ConfigurationKey(section: "objective", \.objective, "what is to be predicted"),
            ConfigurationKey(section: "optimizer", \.optimizer, "how gradients change parameters"),
            ConfigurationKey(section: "schedule", \.schedule, "how long, and the learning rate by step"),
            ConfigurationKey(section: "batch", \.batch, "how many sequences a step has"),
            ConfigurationKey(section: "precision", \.precision, "the numbers of forward and backward passes; parameters and moments are f32"),
            ConfigurationKey(section: "recompute", \.recompute, "which activations are made again instead of kept"),
            ConfigurationKey(section: "stability", \.stability, "measures against loss that diverges"),
            ConfigurationKey(section: "parallel", \.parallel, "how the work is laid out over ranks"),
            ConfigurationKey(section: "adapter", \.adapter, "what is trained instead of the model's own parameters"),
            ConfigurationKey(section: "checkpoint", \.checkpoint, "what is saved, and where"),
            ConfigurationKey(section: "log", \.log, "what is told of the run"),
        ]
    }
}
