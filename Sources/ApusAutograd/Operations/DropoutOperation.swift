import ApusTensor

/// Leaves out elements of a view, in place (Srivastava et al. 2014). Which ones is found again in the backward pass: nothing is kept of them.
final class DropoutOperation: Recomputable {
    private let rows: Rows
    private let sequences: [Range<Int>]
    private let dropout: Dropout
    /// What made the rows, if it is run again in place of their being kept.
    private let before: (any Recomputable)?

    init(_ tape: Tape, _ rows: Rows, _ sequences: [Range<Int>], _ dropout: Dropout) {
        self.rows = rows
        self.sequences = sequences
        self.dropout = dropout
        if case .again(let operation) = tape.contents[rows] { before = operation } else { before = nil }
        tape.contents.overwrite(rows)
        tape.base.drop(rows, sequences: sequences, dropout)
        if before != nil { tape.contents[rows] = .again(self) }
    }

    func runAgain(_ tape: Tape) -> Rows {
        let rows = before!.runAgain(tape)
        tape.base.drop(rows, sequences: sequences, dropout)
        return rows
    }

    func backward(_ tape: Tape) {
        if let gradient = tape.gradient(rows) { tape.base.drop(gradient, sequences: sequences, dropout) }
    }
}

extension Backend {
    /// Whether elements are left out at this rate: by a tape that has keys for its batch.
    package func drops(_ rate: Float) -> Bool { rate > 0 && (self as? Tape)?.hasDropoutKeys == true }

    /// Leaves out elements of rows, where `drops(rate)`.
    package func drop(_ rows: Rows, rate: Float, _ segments: [Segment]) {
        guard rate > 0, let tape = self as? Tape, let dropout = tape.nextDropout(rate: rate) else { return }
        tape.perform { DropoutOperation(tape, rows, segments.map(\.rows), dropout) }
    }
}
