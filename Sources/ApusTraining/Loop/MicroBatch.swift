import ApusDescription
import ApusLayers
import ApusModels

/// Sequences that go through the model at once, and the target of each of their tokens; below 0 it does not count.
struct MicroBatch {
    let inputs: [SequenceInput]
    /// What an encoder reads, a text for each of them; none without one.
    let texts: [[Int32]]
    let targets: [Int32]
    /// Of each input, the key of the random numbers of its dropout; none in validation.
    let dropoutKeys: [UInt64]

    init(inputs: [SequenceInput], texts: [[Int32]] = [], targets: [Int32]) {
        (self.inputs, self.texts, self.targets, dropoutKeys) = (inputs, texts, targets, [])
    }

    /// Targets that count.
    var countedTokens: Int { targets.count { $0 >= 0 } }
}

extension MicroBatch {
    /// Each document of a row is a sequence of its own.
    /// - Parameter dropout: gives random numbers of each row of the batch.
    init(_ batch: TrainingBatch, of model: DecoderDescription, cache: KeyValueCache, dropout: ((_ row: Int) -> RandomStream)? = nil) {
        var inputs: [SequenceInput] = [], texts: [[Int32]] = [], targets: [Int32] = [], dropoutKeys: [UInt64] = []
        for (row, sequence) in batch.sequences.enumerated() {
            var random = dropout?(row)
            for (index, document) in sequence.documents.enumerated() {
                let ids = Array(sequence.inputs[document.rows]), context = Self.context(of: ids, document, model)
                inputs.append(
                    SequenceInput(
                        ids: ids, position: 0, cache: cache, infilling: context, channels: sequence.channels?[document.rows], logits: 0..<0))
                if let encoder = sequence.encoder { texts.append(Array(encoder.inputs[encoder.documents[index]])) }
                var wanted = Array(sequence.targets[document.rows])
                // What a token sees is not predicted of it.
                if document.prefix == 0 { for row in 0..<max(context.length - 1, 0) { wanted[row] = -1 } }
                targets += wanted
                if let key = random?.next() { dropoutKeys.append(key) }
            }
        }
        self.inputs = inputs
        self.texts = texts
        self.targets = targets
        self.dropoutKeys = dropoutKeys
    }

    /// The part that sees itself in both directions: the objective's, or what answering would make of the same tokens.
    private static func context(of ids: [Int32], _ document: TrainingSequence.Document, _ model: DecoderDescription) -> InfillingContext {
        if document.prefix > 0 { return InfillingContext(length: document.prefix, blank: document.prefix - 1) }
        return model.infilling.map { InfillingContext(of: ids, $0) } ?? .none
    }
}
