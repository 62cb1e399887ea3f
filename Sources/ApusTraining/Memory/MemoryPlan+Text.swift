import ApusBase

extension MemoryPlan {
    /// What a person sees before the first allocation.
    ///
    /// - Parameter available: bytes that the system has for the run; nil where it does not say.
    package func table(_ run: Run, available: Int?) -> String {
        let shape = "\(run.microBatch) × \(run.sequenceLength) tokens, \(run.recompute == .none ? "no" : run.recompute.rawValue) recompute"
        let perLayer = "\(Figure.bytes(activationsPerLayerAndToken)) a layer and token"
        var rows = [
            ("weights", weights, "\(Figure.count(run.description.parameterCount)) parameters, f32"),
            ("gradients", gradients, "f32"),
            ("moments", moments, "\(run.optimizerByteCount) bytes a parameter"),
            ("activations", activations, "\(shape), \(perLayer)"),
            ("workspace", workspace, "buffers of a pass, their gradients, logits of a chunk, ids of a step"),
            ("process", process, "the program, its threads' scratch, its tokenizer"),
            ("total", total, lent > 0 ? "less \(Figure.bytes(Double(lent))) of activations that lie where gradients come later" : ""),
        ]
        if let available {
            rows.append(("available", available, "longest sequence that fits: \(Self.longestSequence(run, within: available)) tokens"))
        }
        return rows.map { name, byteCount, note in
            let line = Figure.padded(name, 12) + Figure.leftPadded(Figure.bytes(Double(byteCount)), 10)
            return note.isEmpty ? line : line + "   " + note
        }.joined(separator: "\n")
    }

    /// - Throws: an `InputError` with the table when the run does not fit.
    package func check(_ run: Run, available: Int?) throws(InputError) {
        guard let available, total > available else { return }
        let longest = Self.longestSequence(run, within: available)
        var remedies: [String] = []
        if longest > 0 { remedies.append("lower data.sequence_length to \(longest) or less, or batch.micro") }
        if longest == 0, run.microBatch > 1 { remedies.append("lower batch.micro") }
        if run.recompute != .full { remedies.append("set recompute.mode: full") }
        remedies.append("or take a smaller model or an optimizer with less state")
        throw InputError(
            "memory", "the run needs \(Figure.bytes(Double(total))), but \(Figure.bytes(Double(available))) are available",
            remedy: remedies.joined(separator: ", ") + "\n" + table(run, available: available))
    }
}
