import ApusTensor

/// out = factor · x (+ other); `out` may be one of them.
final class ScaleOperation: Operation {
    private let x: Rows
    private let factor: Float
    private let other: Rows?
    private let out: Rows

    init(_ tape: Tape, _ x: Rows, by factor: Float, adding other: Rows?, into out: Rows) {
        self.x = x
        self.factor = factor
        self.other = other
        self.out = out
        tape.contents.overwrite(out)
        tape.base.scale(x, by: factor, adding: other, into: out)
    }

    func backward(_ tape: Tape) {
        guard let gradient = tape.gradient(out) else { return tape.clear(out) }
        if x.isSame(as: out) {
            if let other { tape.add(to: other, gradient, times: 1) }
            if factor != 1 { tape.base.scale(gradient, by: factor, adding: nil, into: gradient) }
        } else {
            tape.add(to: x, gradient, times: factor)
            if let other, other.isSame(as: out) { return }
            if let other { tape.add(to: other, gradient, times: 1) }
            tape.clear(out)
        }
    }
}
