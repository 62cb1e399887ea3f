import Glibc

/// The learning rate at each step, a function of the step alone.
package struct LearningRateSchedule: Sendable, Equatable {
    /// What follows the warm-up, up to `totalSteps`. Behind them the rate stays.
    package enum Shape: Sendable, Equatable {
        case constant
        /// Half a cosine down to the minimum (Loshchilov & Hutter 2017).
        case cosine
        /// A straight line down to the minimum.
        case linear
        /// Warm-up, stable, decay (Hu et al. 2024): the peak until the last `decaySteps` steps, then a straight line down to the minimum.
        case warmupStableDecay(decaySteps: Int)
        /// peak · √(W / s) (Vaswani et al. 2017); without a warm-up, W is 1.
        case inverseSquareRoot
    }

    package var shape: Shape
    package var peak: Double
    package var minimum: Double
    /// W: at step s ≤ W the rate is peak · s / W.
    package var warmupSteps: Int
    package var totalSteps: Int

    package init(_ shape: Shape, peak: Double, minimum: Double = 0, warmupSteps: Int = 0, totalSteps: Int) {
        self.shape = shape
        self.peak = peak
        self.minimum = minimum
        self.warmupSteps = warmupSteps
        self.totalSteps = totalSteps
    }

    /// The rate of a step; steps count from 1.
    package func rate(at step: Int) -> Double {
        if step <= warmupSteps { return peak * Double(step) / Double(warmupSteps) }
        switch shape {
        case .constant: return peak
        case .cosine: return minimum + (peak - minimum) * (1 + cos(.pi * progress(step, from: warmupSteps))) / 2
        case .linear: return minimum + (peak - minimum) * (1 - progress(step, from: warmupSteps))
        case .warmupStableDecay(let decaySteps):
            return minimum + (peak - minimum) * (1 - progress(step, from: max(totalSteps - decaySteps, warmupSteps)))
        case .inverseSquareRoot: return peak * (Double(max(warmupSteps, 1)) / Double(step)).squareRoot()
        }
    }

    /// How much of the way from step `start` to the last one is gone.
    private func progress(_ step: Int, from start: Int) -> Double {
        if step >= totalSteps { return 1 }
        return max(0, Double(step - start) / Double(totalSteps - start))
    }
}
