import ApusTensor

/// x / √(mean(x²) + ε) · w (Zhang & Sennrich 2019).
public final class RMSNorm: Sendable {
    /// f32 `[width]`.
    public let weight: Storage
    public let epsilon: Float

    public init(weight: Storage, epsilon: Float) {
        self.weight = weight
        self.epsilon = epsilon
    }

    public func callAsFunction(_ input: Rows, into out: Rows, _ backend: any Backend) {
        backend.rmsNorm(input, weight: weight, epsilon: epsilon, into: out)
    }
}
