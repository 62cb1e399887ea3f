/// How activations are brought to one scale, with the constant ε that keeps the divisor above 0.
public enum NormKind: Sendable, Equatable {
    /// x / √(mean(x²) + ε) · (offset + w) (Zhang & Sennrich 2019); Gemma's offset is 1.
    case rms(epsilon: Float, offset: Float = 0)
    /// (x - mean) / √(variance + ε) · w + b (Ba et al. 2016).
    case layer(epsilon: Float)

    /// Whether its parameters include a bias.
    public var hasBias: Bool {
        if case .layer = self { true } else { false }
    }

    /// What keeps the divisor above 0.
    public var epsilon: Float {
        switch self {
        case .rms(let epsilon, _), .layer(let epsilon): epsilon
        }
    }
}
