import ApusTensor

/// RMSNorm or LayerNorm of each row, of its input rounded to the tape's type.
final class NormOperation: Recomputable {
    enum Kind { case rms, layer }

    private let kind: Kind
    private let input: Rows
    private let kept: KeptRows
    private let weight: Storage
    private let bias: Storage?
    private let epsilon: Float
    private let out: Rows
    private let weightGradient: Storage?
    private let biasGradient: Storage?

    init(_ tape: Tape, _ kind: Kind, _ input: Rows, weight: Storage, bias: Storage?, epsilon: Float, into out: Rows) {
        self.kind = kind
        self.input = input
        self.weight = weight
        self.bias = bias
        self.epsilon = epsilon
        self.out = out
        weightGradient = tape.isRecording ? tape.claim(weight) : nil
        biasGradient = tape.isRecording ? tape.claim(bias) : nil
        kept = tape.keep(input).rows(tape)
        tape.contents.overwrite(out)
        run(tape, tape.type == .f32 ? input : restored(tape, in: out), into: out)
        if tape.isRecording, tape.recompute != .none { tape.contents[out] = .again(self) }
    }

    private func run(_ tape: Tape, _ x: Rows, into out: Rows) {
        switch kind {
        case .rms: tape.base.rmsNorm(x, weight: weight, epsilon: epsilon, into: out)
        case .layer: tape.base.layerNorm(x, weight: weight, bias: bias, epsilon: epsilon, into: out)
        }
    }

    private func restored(_ tape: Tape, in rows: Rows) -> Rows {
        tape.base.restore(kept, into: rows)
        return rows
    }

    func runAgain(_ tape: Tape) -> Rows {
        let rows = tape.scratchRows(count: out.count, width: out.width)
        run(tape, restored(tape, in: rows), into: rows)
        return rows
    }

    func backward(_ tape: Tape) {
        defer {
            tape.finish(weight)
            tape.finish(bias)
        }
        guard let gradient = tape.gradient(out) else { return tape.clear(out) }
        tape.prepareGradient(of: weight)
        tape.prepareGradient(of: bias)
        // The gradient of the result is read to the end before that of the input may take its place.
        let dx = tape.scratchRows(count: input.count, width: input.width)
        func run(into target: Rows, adds: Bool) {
            switch kind {
            case .rms:
                tape.base.rmsNormBackward(
                    kept, weight: weight, epsilon: epsilon, gradient: gradient, into: target, adds: adds, weightGradient: weightGradient)
            case .layer:
                tape.base.layerNormBackward(
                    kept, weight: weight, epsilon: epsilon, gradient: gradient, into: target, adds: adds, weightGradient: weightGradient,
                    biasGradient: biasGradient)
            }
        }
        if input.storage === out.storage {
            run(into: dx, adds: false)
            tape.clear(out)
            tape.add(to: input, dx, times: 1)
        } else {
            tape.clear(out)
            let (target, adds) = tape.mirror(input).target(input, tape.base)
            run(into: target, adds: adds)
        }
    }
}
