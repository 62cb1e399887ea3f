extension TrainingConfiguration {
    /// Section `model`.
    package struct Model: Equatable, Sendable {
        /// A GGUF file or a folder to go on from.
        package var from: String?
        /// Take only the shape of `from`; weights are drawn anew.
        package var random = false
        /// The name of a published size.
        package var preset: String?
        /// A model of its own, when any of its keys is written.
        package var description = ModelDescriptionKeys()

        package init() {}
    }
}

extension TrainingConfiguration.Model: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey(
                "from", \.from, "a .gguf file or a folder in Hugging Face layout to continue from, with its tokenizer, and its dropout in training"),
            ConfigurationKey("random", \.random, "take only the shape of `from` and draw new weights"),
            ConfigurationKey("preset", \.preset, "a published size by name, as `apus inspect --compare all` lists them; weights are drawn"),
        ] + ModelDescriptionKeys.keys.map { $0.inside(\.description) }
    }
}
