import ApusBase

extension TrainingConfiguration {
    /// Section `data`.
    package struct DataSettings: Equatable, Sendable {
        package var train: [DataSource] = []
        package var validation: [DataSource] = []
        /// Where the tokenizer and the chat template are, when not with `model.from`.
        package var tokenizer: String?
        /// L
        package var sequenceLength = 256
        package var pack = true
        package var shuffle = true
        package var appendEOS = true
        package var seed = 1

        package init() {}
    }
}

extension TrainingConfiguration.DataSettings: ConfigurationSection {
    static var keys: [ConfigurationKey<Self>] {
        [
            ConfigurationKey("train", \.train, "what to train on: .txt files (a document each), .jsonl files, and .bin/.idx by their common prefix"),
            ConfigurationKey("validation", \.validation, "what the validation loss is of, whole and in order"),
            ConfigurationKey("tokenizer", \.tokenizer, "where the tokenizer and chat template are, when not with `model.from`: a .gguf file or a folder"),
            ConfigurationKey("sequence_length", \.sequenceLength, .between(1, 1 << 24), "L, the tokens of a window"),
            ConfigurationKey("pack", \.pack, "windows hold several documents, which never see each other; otherwise one document, or a part of it"),
            ConfigurationKey("shuffle", \.shuffle, "windows, or documents, in an order drawn for each epoch; otherwise in the files' order"),
            ConfigurationKey(
                "append_eos", \.appendEOS, "the tokenizer's end-of-text token after each .txt and .jsonl text; nothing is ever added to .bin files"),
            ConfigurationKey("seed", \.seed, .atLeast(0), "of all random numbers: new weights, order, masks, dropout"),
        ]
    }
}

/// Files to read documents from, and how often they are drawn.
package struct DataSource: Equatable, Sendable {
    package var path: String
    /// Tokens of this source are to those of another as their weights; nil: each source as much as it holds.
    package var weight: Double?

    package init(path: String, weight: Double? = nil) {
        self.path = path
        self.weight = weight
    }
}

extension DataSource: ConfigurationValue {
    static var typeName: String { "a path, or {path: …, weight: …}" }

    init(_ node: ConfigurationNode) throws(InputError) {
        switch node.content {
        case .scalar: self.init(path: try String(node))
        case .mapping:
            var keys = Keys()
            try keys.read(node)
            guard !keys.path.isEmpty else { throw node.place.error("\(node.path) has a weight but no path") }
            self.init(path: keys.path, weight: keys.weight)
        case .sequence: throw Self.wrongType(node)
        }
    }

    var yaml: String { weight.map { "{path: \(path), weight: \($0.yaml)}" } ?? path }

    private struct Keys: ConfigurationSection {
        var path = ""
        var weight: Double?

        static var keys: [ConfigurationKey<Self>] {
            [ConfigurationKey("path", \.path, ""), ConfigurationKey("weight", \.weight, .optional(.above(0)), "")]
        }
    }
}
