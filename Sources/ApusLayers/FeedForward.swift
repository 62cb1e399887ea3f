import ApusAutograd
import ApusTensor

/// down(activation(up x)), or with a gate down(activation(gate x) · up x) (Shazeer 2020).
package final class FeedForward: Sendable {
    package let gate: Linear?
    package let up: Linear
    package let down: Linear
    package let activation: Activation
    /// In training, the chance of each element before `down` to be left out.
    package let dropout: Float

    package init(gate: Linear?, up: Linear, down: Linear, activation: Activation, dropout: Float = 0) {
        self.gate = gate
        self.up = up
        self.down = down
        self.activation = activation
        self.dropout = dropout
    }

    /// What the gate and what `up` makes, side by side.
    package var innerWidth: Int { gate == nil ? up.outputs : 2 * up.outputs }

    /// out = down(…), or added to what `out` holds.
    package func callAsFunction(_ x: Rows, into out: Rows, adds: Bool, _ context: ForwardContext) {
        let width = up.outputs, backend = context.backend
        let both = context.workspace.rows(.inner, count: x.count, width: innerWidth)
        let inner = both.columns(0..<width)
        if let gate {
            let ups = both.columns(width..<2 * width)
            backend.linear(x, [gate.product(into: inner), up.product(into: ups)], context.precision)
            backend.gated(activation, gate: inner, up: ups, into: inner)
        } else {
            backend.linear(x, [up.product(into: inner)], context.precision)
            backend.plain(activation, inner, into: inner)
        }
        backend.drop(inner, rate: dropout, context.segments)
        backend.linear(inner, [down.product(into: out, adds: adds)], context.precision)
    }
}
