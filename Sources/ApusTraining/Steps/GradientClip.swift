/// The norm of all gradients together, and the factor that unscales them and keeps the norm from growing beyond a bound (Pascanu et al. 2013).
package struct GradientClip: Sendable, Equatable {
    /// Of the unscaled gradients before they are clipped; NaN or infinite where one of them is.
    package let norm: Double
    /// Of the unscaled gradients as they are clipped.
    package let clippedNorm: Double
    /// Of the gradients as they lie.
    package let factor: Double

    /// - Parameters:
    ///   - sumOfSquares: of the gradients as they lie.
    ///   - lossScale: what they are too great by.
    ///   - maximum: of the norm; 0: any.
    package init(sumOfSquares: Double, lossScale: Double = 1, maximum: Double) {
        norm = sumOfSquares.squareRoot() / lossScale
        let isClipped = maximum > 0 && norm > maximum
        clippedNorm = isClipped ? maximum : norm
        factor = (isClipped ? maximum / norm : 1) / lossScale
    }
}
