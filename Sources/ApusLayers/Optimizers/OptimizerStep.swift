/// What changes from step to step.
package struct OptimizerStep: Sendable, Equatable {
    /// From 1.
    package var number: Int
    package var learningRate: Double
    /// Factor of the gradients as they lie: unscaling and clipping in one.
    package var gradientScale: Double

    package init(number: Int, learningRate: Double, gradientScale: Double = 1) {
        self.number = number
        self.learningRate = learningRate
        self.gradientScale = gradientScale
    }
}
