import ApusTensor

/// A rule that updates weights by their gradients. Weights and gradients lie flat, f32, a parameter at the same place in both; the rule itself
/// keeps nothing: what it needs from step to step lies in an `OptimizerState`.
package protocol Optimizer: Sendable {
    /// The buffers that these parameters need, zeros before the first step.
    func buffers(for slices: [OptimizerSlice]) -> [OptimizerBuffer]
    /// f32 elements that a step needs beside them.
    func scratchCount(for slices: [OptimizerSlice]) -> Int
    /// Updates the parameters of `state`. What stands in their gradients is lost.
    func update(_ step: OptimizerStep, weights: Storage, gradients: Storage, state: OptimizerState, on backend: any UpdateBackend)
}

extension Optimizer {
    package func scratchCount(for slices: [OptimizerSlice]) -> Int { 0 }

    /// Bytes of state and scratch for these parameters.
    package func byteCount(for slices: [OptimizerSlice]) -> Int {
        (buffers(for: slices).reduce(0) { $0 + $1.elementCount } + scratchCount(for: slices)) * 4
    }
}
