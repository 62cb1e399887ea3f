import ApusTensor

/// down(activation(gate x) · up x) (Shazeer 2020).
public final class GatedFeedForward: Sendable {
    public let gate: Linear
    public let up: Linear
    public let down: Linear
    public let activation: Activation

    public init(gate: Linear, up: Linear, down: Linear, activation: Activation) {
        self.gate = gate
        self.up = up
        self.down = down
        self.activation = activation
    }

    /// residual += down(…); x is the normed residual.
    public func callAsFunction(_ x: Rows, residual: Rows, _ context: ForwardContext) {
        let width = gate.outputs
        let both = context.workspace.rows(.gateUp, count: x.count, width: 2 * width)
        let gates = both.columns(0..<width), ups = both.columns(width..<2 * width)
        context.backend.linear(x, [gate.product(into: gates), up.product(into: ups)])
        context.backend.gated(activation, gate: gates, up: ups, into: gates)
        context.backend.linear(gates, [down.product(into: residual, adds: true)])
    }
}
