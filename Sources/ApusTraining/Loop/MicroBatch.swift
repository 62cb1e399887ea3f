import ApusBase
import ApusLayers
import ApusModels

/// Sequences that go through the model at once, and the target of each of their tokens; below 0 it does not count.
struct MicroBatch {
    let inputs: [SequenceInput]
    let targets: [Int32]

    init(inputs: [SequenceInput], targets: [Int32]) { (self.inputs, self.targets) = (inputs, targets) }

    /// Each document of a row is a sequence of its own.
    init(_ batch: TrainingBatch, cache: KeyValueCache) throws(InputError) {
        var inputs: [SequenceInput] = []
        for sequence in batch.sequences {
            guard sequence.channels == nil, sequence.encoder == nil else {
                throw InputError(
                    "objective.kind", "this objective needs positions in two channels or an encoder, which training does not have yet",
                    remedy: "use causal, prefix, masked or instruction")
            }
            for document in sequence.documents {
                inputs.append(
                    SequenceInput(
                        ids: Array(sequence.inputs[document.rows]), position: 0, cache: cache,
                        infilling: InfillingContext(length: document.prefix, blank: 0), logits: 0..<0))
            }
        }
        self.inputs = inputs
        targets = batch.sequences.flatMap(\.targets)
    }

    /// Targets that count.
    var countedTokens: Int { targets.count { $0 >= 0 } }
}
