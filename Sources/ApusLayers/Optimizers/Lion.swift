import ApusTensor

/// Lion (Chen et al. 2023): steps of one size, in the direction of the sign of an interpolated momentum. Takes a learning rate 3 to 10 times
/// smaller than AdamW's, and a weight decay as many times greater.
package struct Lion: Optimizer, Equatable {
    /// Of the direction.
    package var beta1 = 0.9
    /// Of the momentum.
    package var beta2 = 0.99
    package var weightDecay = 0.1

    package init() {}

    package func buffers(for slices: [OptimizerSlice]) -> [OptimizerBuffer] { [OptimizerBuffer("momentum", slices, \.count)] }

    package func update(_ step: OptimizerStep, weights: Storage, gradients: Storage, state: OptimizerState, on backend: any UpdateBackend) {
        var numbers = WeightUpdate(learningRate: step.learningRate)
        (numbers.beta1, numbers.beta2, numbers.gradientScale) = (beta1, beta2, step.gradientScale)
        state.forEachRun { slices, range, decays in
            numbers.weightDecay = decays ? weightDecay : 0
            backend.lion(
                numbers, weights: weights.row(range), gradients: gradients.row(range),
                momentum: state.run(0, from: slices.lowerBound, count: range.count))
        }
    }
}
