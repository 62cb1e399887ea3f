import ApusBase
import ApusDescription
import ApusTemplates
import ApusTokenizers

/// What sequences are made of, and how.
package struct DataRecipe: Sendable {
    package var sources: [DataSource]
    package var settings: TrainingConfiguration.DataSettings
    package var objective: TrainingConfiguration.Objective
    package var model: DecoderDescription
    /// Not needed for `.bin` files.
    package var tokenizer: Tokenizer?
    package var template: ChatTemplate?
    /// Where texts are kept as tokens while the run lasts.
    package var scratchFolder: String
    package var threads: Int
    /// Sequences of a step, of all ranks together.
    package var sequencesPerStep: Int
    /// Whether the data are read again and again, in the order that `settings` ask for, or once and in the files' order.
    package var repeats: Bool

    /// The training data of a configuration.
    package init(
        training configuration: TrainingConfiguration, model: DecoderDescription, tokenizer: Tokenizer?, template: ChatTemplate?, scratchFolder: String,
        threads: Int
    ) {
        sources = configuration.data.train
        settings = configuration.data
        objective = configuration.objective
        self.model = model
        self.tokenizer = tokenizer
        self.template = template
        self.scratchFolder = scratchFolder
        self.threads = threads
        sequencesPerStep = configuration.batch.micro * configuration.batch.accumulate * (configuration.parallel.data ?? 1)
        repeats = true
    }

    /// The validation data of the same configuration, once and in order.
    package var validation: DataRecipe {
        var recipe = self
        recipe.sources = settings.validation
        recipe.settings.shuffle = false
        recipe.repeats = false
        return recipe
    }
}
