import ApusTensor

/// x / √(mean(x²) + ε) · w (Zhang & Sennrich 2019).
package final class RMSNorm: Sendable {
    /// f32 `[width]`.
    package let weight: Storage
    package let epsilon: Float

    package init(weight: Storage, epsilon: Float) {
        self.weight = weight
        self.epsilon = epsilon
    }

    package func callAsFunction(_ input: Rows, into out: Rows, _ backend: any Backend) {
        backend.rmsNorm(input, weight: weight, epsilon: epsilon, into: out)
    }
}
