import ApusTensor

/// out = activation(x), of an argument rounded to the tape's type; `out` may be `x`.
final class PlainOperation: Recomputable {
    private let activation: Activation
    private let x: Rows
    private let kept: KeptRows
    private let out: Rows

    init(_ tape: Tape, _ activation: Activation, _ x: Rows, into out: Rows) {
        self.activation = activation
        self.x = x
        self.out = out
        kept = tape.keepRounded(x)
        tape.contents.overwrite(out)
        tape.base.plain(activation, x, into: out)
        if tape.isRecording, tape.recompute != .none { tape.contents[out] = .again(self) }
    }

    func runAgain(_ tape: Tape) -> Rows {
        let rows = tape.scratchRows(count: out.count, width: out.width)
        tape.base.restore(kept, into: rows)
        tape.base.plain(activation, rows, into: rows)
        return rows
    }

    func backward(_ tape: Tape) {
        guard let gradient = tape.gradient(out) else { return tape.clear(out) }
        tape.clear(out)
        let target = tape.mirror(x).target(x, tape.base)
        precondition(!target.adds, "an argument of an activation that is read twice")
        tape.base.plainBackward(activation, kept, gradient: gradient, into: target.rows)
    }
}
