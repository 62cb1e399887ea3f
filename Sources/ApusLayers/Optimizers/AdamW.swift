import ApusTensor

/// AdamW (Loshchilov & Hutter 2019): two moments of each weight, and decay beside the gradients.
package struct AdamW: Optimizer, Equatable {
    package var beta1 = 0.9
    package var beta2 = 0.95
    package var epsilon = 1e-8
    package var weightDecay = 0.1

    package init() {}

    package func buffers(for slices: [OptimizerSlice]) -> [OptimizerBuffer] { buffers(for: slices) { _ in true } }

    package func update(_ step: OptimizerStep, weights: Storage, gradients: Storage, state: OptimizerState, on backend: any UpdateBackend) {
        update(step, weights: weights, gradients: gradients, state: state, buffers: (0, 1), on: backend) { _ in true }
    }

    /// Those of parameters that are updated by this rule.
    func buffers(for slices: [OptimizerSlice], where isMine: (OptimizerSlice) -> Bool) -> [OptimizerBuffer] {
        ["first", "second"].map { name in OptimizerBuffer(name, slices) { isMine($0) ? $0.count : 0 } }
    }

    func update(
        _ step: OptimizerStep, weights: Storage, gradients: Storage, state: OptimizerState, buffers: (Int, Int), on backend: any UpdateBackend,
        where isMine: (OptimizerSlice) -> Bool
    ) {
        var numbers = WeightUpdate(learningRate: step.learningRate)
        (numbers.beta1, numbers.beta2, numbers.epsilon) = (beta1, beta2, epsilon)
        (numbers.gradientScale, numbers.step) = (step.gradientScale, step.number)
        state.forEachRun(where: isMine) { slices, range, decays in
            numbers.weightDecay = decays ? weightDecay : 0
            backend.adamW(
                numbers, weights: weights.row(range), gradients: gradients.row(range),
                first: state.run(buffers.0, from: slices.lowerBound, count: range.count),
                second: state.run(buffers.1, from: slices.lowerBound, count: range.count))
        }
    }
}
