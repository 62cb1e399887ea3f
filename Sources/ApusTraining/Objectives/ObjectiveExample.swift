import ApusModels

/// What an objective makes of one document.
struct ObjectiveExample: Equatable, Sendable {
    var inputs: [Int32] = []
    /// −1: does not count.
    var targets: [Int32] = []
    /// Tokens at the beginning that see each other in both directions.
    var prefix = 0
    var channels: PositionChannels?
    /// What an encoder reads.
    var encoder: [Int32]?

    /// Puts an id in front that tells the objective; an encoder reads it if there is one.
    mutating func putInFront(_ id: Int32) {
        if encoder != nil {
            encoder!.insert(id, at: 0)
            return
        }
        inputs.insert(id, at: 0)
        targets.insert(-1, at: 0)
        if prefix > 0 { prefix += 1 }
        guard let present = channels else { return }
        channels = PositionChannels(text: [0] + present.text.map { $0 + 1 }, answer: [0] + present.answer)
    }
}

extension TrainingSequence {
    /// Takes a document in, behind those that are there.
    mutating func append(_ example: ObjectiveExample) {
        documents.append(Document(rows: inputs.count..<inputs.count + example.inputs.count, prefix: example.prefix))
        inputs += example.inputs
        targets += example.targets
        if let new = example.channels {
            let present = channels ?? PositionChannels()
            channels = PositionChannels(text: present.text + new.text, answer: present.answer + new.answer)
        }
        if let new = example.encoder {
            var present = encoder ?? Encoder()
            present.documents.append(present.inputs.count..<present.inputs.count + new.count)
            present.inputs += new
            encoder = present
        }
    }
}
