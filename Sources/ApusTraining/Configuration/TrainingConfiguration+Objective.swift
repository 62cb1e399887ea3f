import ApusBase

extension TrainingConfiguration {
    /// Section `objective`: one, or a mixture of several.
    package struct Objective: Equatable, Sendable {
        /// What is predicted of a sequence.
        package enum Kind: String, ConfigurationChoice { case causal, prefix, blank_infilling, span_corruption, masked, instruction }
        /// What is left out of a text by blank infilling.
        package enum Blanks: String, ConfigurationChoice { case spans, rest }

        package var kind = Kind.causal
        package var weight = 1.0
        package var maskRate = 0.15
        package var meanSpanLength = 3.0
        package var blanks = Blanks.spans
        package var maskToken: Int?
        package var startToken: Int?
        package var endToken: Int?
        package var firstSentinel: Int?
        package var modeToken: Int?
        package var labelSmoothing = 0.0
        /// Objectives that sequences are given to by their weights; empty: this one alone.
        package var mixture: [Objective] = []

        package init() {}

        /// The objectives that sequences have.
        package var parts: [Objective] { mixture.isEmpty ? [self] : mixture }
    }
}

extension TrainingConfiguration.Objective: ConfigurationSection, ConfigurationValue {
    static var typeName: String { "a mapping of the keys of this section" }

    /// Kind and weight, and what else is not at its default.
    var yaml: String {
        let defaults = Self(), written = Self.keys.filter { ["kind", "weight"].contains($0.name) || $0.value(self) != $0.value(defaults) }
        return "{" + written.map { "\($0.name): \($0.value(self).string ?? "null")" }.joined(separator: ", ") + "}"
    }

    init(_ node: ConfigurationNode) throws(InputError) {
        self.init()
        try read(node)
    }

    /// A part of a mixture has all keys but the two that are of the whole.
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("kind", \.kind, "what is predicted: the next token (`causal`, `prefix`, `instruction`) or what was left out"),
            ConfigurationKey(
                "mask_rate", \.maskRate, .from(0.001, below: 1), "masked, blank_infilling, span_corruption: the part of the tokens that is left out"),
            ConfigurationKey("mean_span_length", \.meanSpanLength, .atLeast(1), "blank_infilling, span_corruption: tokens of a span on average"),
            ConfigurationKey(
                "blanks", \.blanks, "blank_infilling: `spans` leaves out short spans ([MASK]), `rest` all behind a drawn place ([gMASK])"),
            ConfigurationKey(
                "mask_token", \.maskToken, .optional(.atLeast(0)), "masked, blank_infilling: the id that stands for what was left out; null: the model's"),
            ConfigurationKey("start_token", \.startToken, .optional(.atLeast(0)), "blank_infilling: the id before what fills a blank; null: the model's"),
            ConfigurationKey(
                "end_token", \.endToken, .optional(.atLeast(0)), "blank_infilling, span_corruption: the id behind what is filled in; null: the tokenizer's EOS"),
            ConfigurationKey(
                "first_sentinel", \.firstSentinel, .optional(.atLeast(0)),
                "span_corruption: the id for the first span, those of further spans below it; null: that of <extra_id_0>"),
            ConfigurationKey("mode_token", \.modeToken, .optional(.atLeast(0)), "an id in front of each sequence that tells the objective (UL2); null: none"),
            ConfigurationKey("weight", \.weight, .above(0), "in a mixture: how many sequences have this objective, as a share of all weights"),
            ConfigurationKey(
                "label_smoothing", \.labelSmoothing, .from(0, below: 1),
                "the share of the target that is spread evenly over the vocabulary; the training loss has it, the validation loss does not"),
            ConfigurationKey("mixture", \.mixture, "objectives, each with its `kind` and `weight`; they stand instead of `kind`"),
        ]
    }
}
