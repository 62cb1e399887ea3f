extension TrainingConfiguration {
    /// Section `checkpoint`.
    package struct Checkpoint: Equatable, Sendable {
        package var directory = "runs/x"
        package var every = 200
        package var keep = 3

        package init() {}
    }

    /// Section `log`.
    package struct Log: Equatable, Sendable {
        package var every = 10
        package var validateEvery = 200
        package var tensorboard = true

        package init() {}
    }
}

extension TrainingConfiguration.Checkpoint: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("directory", \.directory, "the run's folder: checkpoints, metrics.jsonl, report.html, the finished model"),
            ConfigurationKey(
                "every", \.every, .atLeast(1), "steps from one checkpoint to the next, unless all were skipped; the last step has one too"),
            ConfigurationKey("keep", \.keep, .atLeast(1), "checkpoints that are kept, the newest"),
        ]
    }
}

extension TrainingConfiguration.Log: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("every", \.every, .atLeast(1), "steps from one line of metrics.jsonl to the next"),
            ConfigurationKey("validate_every", \.validateEvery, .atLeast(1), "steps from one validation loss to the next; the last step has one too"),
            ConfigurationKey("tensorboard", \.tensorboard, "write TensorBoard event files"),
        ]
    }
}
