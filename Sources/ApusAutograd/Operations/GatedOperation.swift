import ApusTensor

/// out = activation(gate) · up, of arguments rounded to the tape's type; `out` may be `gate`.
final class GatedOperation: Recomputable {
    private let activation: Activation
    private let gate: Rows
    private let up: Rows
    private let keptGate: KeptRows
    private let keptUp: KeptRows
    private let out: Rows

    init(_ tape: Tape, _ activation: Activation, gate: Rows, up: Rows, into out: Rows) {
        self.activation = activation
        self.gate = gate
        self.up = up
        self.out = out
        keptGate = tape.keepRounded(gate)
        keptUp = tape.keepRounded(up)
        tape.contents.overwrite(out)
        tape.base.gated(activation, gate: gate, up: up, into: out)
        if tape.isRecording, tape.recompute != .none { tape.contents[out] = .again(self) }
    }

    func runAgain(_ tape: Tape) -> Rows {
        let both = tape.scratchRows(count: 2 * out.count, width: out.width), gate = both.rows(0..<out.count), up = both.rows(out.count..<2 * out.count)
        tape.base.restore(keptGate, into: gate)
        tape.base.restore(keptUp, into: up)
        tape.base.gated(activation, gate: gate, up: up, into: gate)
        return gate
    }

    func backward(_ tape: Tape) {
        guard let gradient = tape.gradient(out) else { return tape.clear(out) }
        tape.clear(out)
        let intoGate = tape.mirror(gate).target(gate, tape.base), intoUp = tape.mirror(up).target(up, tape.base)
        precondition(!intoGate.adds && !intoUp.adds, "a gate that is read twice")
        tape.base.gatedBackward(activation, gate: keptGate, up: keptUp, gradient: gradient, intoGate: intoGate.rows, intoUp: intoUp.rows)
    }
}
