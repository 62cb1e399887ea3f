import ApusTensor

/// Stochastic gradient descent with momentum (Sutskever et al. 2013). Weight decay is added to the gradients, as PyTorch does it.
package struct SGD: Optimizer, Equatable {
    /// 0: none, and no state.
    package var momentum = 0.9
    package var nesterov = false
    package var weightDecay = 0.0

    package init() {}

    package func buffers(for slices: [OptimizerSlice]) -> [OptimizerBuffer] {
        momentum > 0 ? [OptimizerBuffer("momentum", slices, \.count)] : []
    }

    package func update(_ step: OptimizerStep, weights: Storage, gradients: Storage, state: OptimizerState, on backend: any UpdateBackend) {
        var numbers = WeightUpdate(learningRate: step.learningRate)
        (numbers.beta1, numbers.gradientScale) = (momentum, step.gradientScale)
        state.forEachRun { slices, range, decays in
            numbers.weightDecay = decays ? weightDecay : 0
            backend.sgd(
                numbers, nesterov: nesterov, weights: weights.row(range), gradients: gradients.row(range),
                momentum: momentum > 0 ? state.run(0, from: slices.lowerBound, count: range.count) : nil)
        }
    }
}
