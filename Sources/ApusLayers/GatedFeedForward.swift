import ApusTensor

/// down(activation(gate x) · up x) (Shazeer 2020).
package final class GatedFeedForward: Sendable {
    package let gate: Linear
    package let up: Linear
    package let down: Linear
    package let activation: Activation

    package init(gate: Linear, up: Linear, down: Linear, activation: Activation) {
        self.gate = gate
        self.up = up
        self.down = down
        self.activation = activation
    }

    /// residual += down(…); x is the normed residual.
    package func callAsFunction(_ x: Rows, residual: Rows, _ context: ForwardContext) {
        let width = gate.outputs
        let both = context.workspace.rows(.gateUp, count: x.count, width: 2 * width)
        let gates = both.columns(0..<width), ups = both.columns(width..<2 * width)
        context.backend.linear(x, [gate.product(into: gates), up.product(into: ups)])
        context.backend.gated(activation, gate: gates, up: ups, into: gates)
        context.backend.linear(gates, [down.product(into: residual, adds: true)])
    }
}
