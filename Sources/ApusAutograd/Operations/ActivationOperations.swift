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

    func resultAgain(_ tape: Tape) -> KeptRows {
        let both = tape.scratchRows(count: 2 * out.count, width: out.width), gate = both.rows(0..<out.count), up = both.rows(out.count..<2 * out.count)
        tape.base.restore(keptGate, into: gate)
        tape.base.restore(keptUp, into: up)
        tape.base.gated(activation, gate: gate, up: up, into: gate)
        return tape.copy(gate)
    }

    func backward(_ tape: Tape) {
        guard let gradient = tape.gradient(out) else { return tape.clear(out) }
        tape.clear(out)
        let intoGate = tape.mirror(gate).target(gate, tape.base), intoUp = tape.mirror(up).target(up, tape.base)
        precondition(!intoGate.adds && !intoUp.adds, "a gate that is read twice")
        tape.base.gatedBackward(activation, gate: keptGate, up: keptUp, gradient: gradient, intoGate: intoGate.rows, intoUp: intoUp.rows)
    }
}

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

    func resultAgain(_ tape: Tape) -> KeptRows {
        let rows = tape.scratchRows(count: out.count, width: out.width)
        tape.base.restore(kept, into: rows)
        tape.base.plain(activation, rows, into: rows)
        return tape.copy(rows)
    }

    func backward(_ tape: Tape) {
        guard let gradient = tape.gradient(out) else { return tape.clear(out) }
        tape.clear(out)
        let target = tape.mirror(x).target(x, tape.base)
        precondition(!target.adds, "an argument of an activation that is read twice")
        tape.base.plainBackward(activation, kept, gradient: gradient, into: target.rows)
    }
}

/// out = cap · tanh(x / cap); `out` may be `x`.
final class SoftCapOperation: Operation {
    private let x: Rows
    private let cap: Float
    private let out: Rows
    private let kept: KeptRows

    init(_ tape: Tape, _ x: Rows, cap: Float, into out: Rows) {
        self.x = x
        self.cap = cap
        self.out = out
        tape.contents.overwrite(out)
        tape.base.softCap(x, cap: cap, into: out)
        kept = tape.copy(out)
    }

    func backward(_ tape: Tape) {
        guard let gradient = tape.gradient(out) else { return tape.clear(out) }
        tape.clear(out)
        let target = tape.mirror(x).target(x, tape.base)
        precondition(!target.adds, "capped logits that are read twice")
        tape.base.softCapBackward(kept, cap: cap, gradient: gradient, into: target.rows)
    }
}
