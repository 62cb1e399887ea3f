/// Sequences that go through the model at once.
package struct TrainingBatch: Sendable, Equatable {
    package var sequences: [TrainingSequence]

    package init(sequences: [TrainingSequence]) { self.sequences = sequences }

    /// Tokens whose prediction counts.
    package var countedTokens: Int { sequences.reduce(0) { $0 + $1.countedTokens } }
    /// Tokens that go through the model, an encoder's included.
    package var tokens: Int { sequences.reduce(0) { $0 + $1.inputs.count + ($1.encoder?.inputs.count ?? 0) } }
}
