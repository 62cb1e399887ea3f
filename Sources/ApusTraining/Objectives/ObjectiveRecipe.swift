/// An objective with all that it needs to know of the model.
struct ObjectiveRecipe: Sendable {
    enum Kind: Sendable {
        case causal(CausalObjective)
        case prefix(PrefixObjective)
        case blankInfilling(BlankInfillingObjective)
        case spanCorruption(SpanCorruptionObjective)
        case masked(MaskedObjective)
    }

    var kind: Kind
    /// Stands in front of each document and tells the objective (UL2, Tay et al. 2022).
    var mode: Int32?

    /// The sequence of a stretch.
    /// - Parameters:
    ///   - stride: tokens of the stretch without the one behind it.
    ///   - window: tokens that the sequence, and that of an encoder, may have.
    ///   - random: numbers of this sequence alone.
    func sequence(_ stretch: TokenStretch, stride: Int, window: Int, random: inout RandomStream) -> TrainingSequence {
        if case .causal(let objective) = kind, mode == nil { return objective.sequence(stretch) }
        var sequence = TrainingSequence()
        // Only those that predict the next token need the one behind the stretch.
        let count = predictsNext ? stretch.ids.count : min(stretch.ids.count, stride)
        for document in stretch.documents {
            let ids = stretch.ids[document.clamped(to: 0..<count)]
            let used = max(sequence.inputs.count, sequence.encoder?.inputs.count ?? 0), room = window - used - (mode == nil ? 0 : 1)
            guard room > 0, var example = example(ids, room: room, random: &random) else { continue }
            if let mode { example.putInFront(mode) }
            sequence.append(example)
        }
        return sequence
    }

    private var predictsNext: Bool {
        switch kind {
        case .causal, .prefix: true
        case .blankInfilling, .spanCorruption, .masked: false
        }
    }

    private func example(_ ids: ArraySlice<Int32>, room: Int, random: inout RandomStream) -> ObjectiveExample? {
        switch kind {
        case .causal(let objective): return objective.example(ids, room: room)
        case .prefix(let objective): return objective.example(ids, room: room, random: &random)
        case .blankInfilling(let objective): return objective.example(ids, room: room, random: &random)
        case .spanCorruption(let objective): return objective.example(ids, room: room, random: &random)
        case .masked(let objective): return objective.example(ids, room: room, random: &random)
        }
    }

    /// Tokens of a stretch, without the one behind it, that make a sequence of a window; nil when the window is too short for any.
    func stride(window: Int) -> Int? {
        let room = window - (mode == nil ? 0 : 1)
        let stride: Int?
        switch kind {
        case .causal, .prefix, .masked: stride = room
        case .spanCorruption(let objective): stride = objective.longestText(room: room)
        case .blankInfilling(let objective):
            // Each span adds a blank and a start; how many there are is drawn.
            if case .spans(let rate, let mean) = objective.blanks {
                stride = Int(Double(room - 2) / (1 + 2 * rate / mean))
            } else {
                stride = room - 1
            }
        }
        return stride.flatMap { $0 >= 1 ? $0 : nil }
    }
}
