import ApusTensor

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
