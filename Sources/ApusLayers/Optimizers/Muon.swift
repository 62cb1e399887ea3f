import ApusTensor

/// Muon (Jordan et al. 2024): hidden matrices move along their momentum with its singular values made equal, all else by AdamW. A matrix's step
/// is 0.2 · √(its longer side) long, so that it has AdamW's size and both share a learning rate (Liu et al. 2025, "Muon is scalable for LLM
/// training").
package struct Muon: Optimizer, Equatable {
    package var momentum = 0.95
    package var nesterov = true
    package var weightDecay = 0.1
    /// For what Muon does not update; its weight decay is not used.
    package var other = AdamW()
    /// Of the products that make singular values equal.
    package var computeType = DType.bf16

    package init() {}

    package func buffers(for slices: [OptimizerSlice]) -> [OptimizerBuffer] {
        [OptimizerBuffer("momentum", slices) { $0.isHidden ? $0.count : 0 }] + other.buffers(for: slices) { !$0.isHidden }
    }

    package func scratchCount(for slices: [OptimizerSlice]) -> Int {
        slices.filter(\.isHidden).map(scratchCount).max() ?? 0
    }

    package func update(_ step: OptimizerStep, weights: Storage, gradients: Storage, state: OptimizerState, on backend: any UpdateBackend) {
        var rest = other
        rest.weightDecay = weightDecay
        rest.update(step, weights: weights, gradients: gradients, state: state, buffers: (1, 2), on: backend) { !$0.isHidden }
        for (index, slice) in state.slices.enumerated() where slice.isHidden {
            func matrix(_ storage: Storage, _ offset: Int) -> Rows {
                Rows(storage, offset: offset, count: slice.shape[0], width: slice.shape[1])
            }
            let gradient = matrix(gradients, slice.offset), average = matrix(state.storages[0], state.buffers[0].ranges[index].lowerBound)
            // The average moves by 1 - momentum towards the gradient, and Nesterov's gradient by the momentum towards the average.
            let share = Float((1 - momentum) * step.gradientScale)
            backend.scale(average, by: Float(momentum), adding: nil, into: average)
            backend.scale(gradient, by: share, adding: average, into: average)
            backend.scale(gradient, by: nesterov ? share : 0, adding: nil, into: gradient)
            backend.scale(average, by: nesterov ? Float(momentum) : 1, adding: gradient, into: gradient)
            let direction = backend.orthogonalize(gradient, in: computeType, scratch: state.scratch(0..<scratchCount(slice)))
            var numbers = WeightUpdate(learningRate: step.learningRate)
            numbers.weightDecay = slice.decays ? weightDecay : 0
            numbers.gradientScale = 0.2 * Double(slice.shape.max()!).squareRoot()
            backend.move(matrix(weights, slice.offset), along: direction, numbers)
        }
    }

    private func scratchCount(_ slice: OptimizerSlice) -> Int {
        let side = slice.shape.min()!
        return slice.count + 2 * side * side
    }
}
