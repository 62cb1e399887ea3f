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

/// Rotary positions, in place.
final class RotaryOperation: Operation {
    private let x: Rows
    private let headSize: Int
    private let first: Int
    private let cosines: Rows
    private let sines: Rows
    private let interleaved: Bool

    init(_ tape: Tape, _ x: Rows, headSize: Int, first: Int, cosines: Rows, sines: Rows, interleaved: Bool) {
        self.x = x
        self.headSize = headSize
        self.first = first
        self.cosines = cosines
        self.sines = sines
        self.interleaved = interleaved
        tape.contents.overwrite(x)
        tape.base.rotary(x, headSize: headSize, first: first, cosines: cosines, sines: sines, interleaved: interleaved)
    }

    /// Turns the gradient back.
    func backward(_ tape: Tape) {
        guard let gradient = tape.gradient(x) else { return }
        let back = tape.scratchRows(count: sines.count, width: sines.width)
        tape.base.scale(sines, by: -1, adding: nil, into: back)
        tape.base.rotary(gradient, headSize: headSize, first: first, cosines: cosines, sines: back, interleaved: interleaved)
    }
}
