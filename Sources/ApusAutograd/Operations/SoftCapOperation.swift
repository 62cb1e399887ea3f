import ApusTensor

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
