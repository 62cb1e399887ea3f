import ApusBase
import ApusTensor

/// Time and work of the products of a tape.
package struct ProductMeter: Sendable, Equatable {
    package var seconds = 0.0
    /// Multiplications and additions.
    package var operations = 0.0

    package init() {}
}

extension Tape {
    /// A product as `TrainingBackend.multiply` makes it, in the tape's type; `meter` takes note of it.
    func multiply(_ a: Operand, _ b: Operand, bias: Storage? = nil, into out: Rows, adds: Bool) {
        guard meter != nil else { return base.multiply(a, b, in: type, bias: bias, into: out, adds: adds) }
        base.synchronize()
        let took = ContinuousClock().measure {
            base.multiply(a, b, in: type, bias: bias, into: out, adds: adds)
            base.synchronize()
        }
        meter!.seconds += took.seconds
        meter!.operations += 2 * Double(a.rows) * Double(b.rows) * Double(a.columns)
    }
}
