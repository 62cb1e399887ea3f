/// What a step of an optimizer is made of. Arrays are f32 without gaps: `count · width` elements of `Rows` whose stride is their width.
package protocol UpdateBackend: Backend {
    /// Σ x², in double precision and one order; NaN or infinite where an element is.
    func sumOfSquares(_ x: Rows) -> Double

    /// AdamW (Loshchilov & Hutter 2019) with its two moments.
    func adamW(_ update: WeightUpdate, weights: Rows, gradients: Rows, first: Rows, second: Rows)
    /// Lion (Chen et al. 2023).
    func lion(_ update: WeightUpdate, weights: Rows, gradients: Rows, momentum: Rows)
    /// SGD with momentum `beta1`, Nesterov's if so; without a buffer of momentum, plain. Weight decay is added to the gradients.
    func sgd(_ update: WeightUpdate, nesterov: Bool, weights: Rows, gradients: Rows, momentum: Rows?)
    /// weights -= learning rate · (gradient scale · direction + weight decay · weights).
    func move(_ weights: Rows, along direction: Rows, _ update: WeightUpdate)

    /// Means of (scale · x)² over each row and each column of a matrix: `[1, count]` and `[1, width]`.
    func meanSquares(_ x: Rows, scale: Float, ofRows: Rows, ofColumns: Rows)
    /// x[i, j] *= rows[i] · columns[j]; the sum of the squares of what comes out.
    func scale(_ x: Rows, byRows rows: Rows, andColumns columns: Rows) -> Double
    /// The matrix with all its singular values near 1: five steps of Newton and Schulz with the coefficients of Jordan et al. 2024, products in
    /// `type`. `scratch` holds as many elements and twice the square of the shorter side. The result lies in `x` or in the scratch, and the other is lost.
    func orthogonalize(_ x: Rows, in type: DType, scratch: Rows) -> Rows
}

/// The numbers of one update; each operation says which it takes.
package struct WeightUpdate: Sendable, Equatable {
    package var learningRate: Double
    package var beta1 = 0.0
    package var beta2 = 0.0
    package var epsilon = 0.0
    package var weightDecay = 0.0
    /// Factor of the gradients as they lie: unscaling and clipping in one.
    package var gradientScale = 1.0
    /// From 1.
    package var step = 1

    package init(learningRate: Double) { self.learningRate = learningRate }
}
