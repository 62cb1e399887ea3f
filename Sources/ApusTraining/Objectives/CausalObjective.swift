/// The next token at every token (Radford et al. 2018); with ids that are marked, where the next is part of an answer.
struct CausalObjective: Sendable {
    /// Token t of the stretch predicts token t + 1, if both are of one document.
    func sequence(_ stretch: TokenStretch) -> TrainingSequence {
        var sequence = TrainingSequence()
        let count = max(stretch.ids.count - 1, 0)
        sequence.inputs = stretch.ids.prefix(count).map(unmarked)
        sequence.targets = [Int32](repeating: -1, count: count)
        for document in stretch.documents {
            let rows = document.clamped(to: 0..<count)
            guard !rows.isEmpty else { continue }
            for row in rows where row + 1 < document.upperBound { sequence.targets[row] = max(stretch.ids[row + 1], -1) }
            sequence.documents.append(TrainingSequence.Document(rows: rows))
        }
        return sequence
    }

    /// Of one document, of which at most `room` tokens are read.
    func example(_ ids: ArraySlice<Int32>, room: Int) -> ObjectiveExample? {
        let text = ids.prefix(room + 1)
        guard text.count >= 2 else { return nil }
        return ObjectiveExample(inputs: text.dropLast().map(unmarked), targets: text.dropFirst().map { max($0, -1) })
    }
}

/// An id, whether it counts or not.
func unmarked(_ id: Int32) -> Int32 { id < 0 ? ~id : id }
