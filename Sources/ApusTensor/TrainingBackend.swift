/// What training asks of a device besides `Backend`: products of any two matrices, gradients, and one pass over the weights a step.
/// Gradients of weights are added to what is there; those of activations are written, or added where `adds` says so.
package protocol TrainingBackend: UpdateBackend {
    /// out = a · bᵀ (+ bias): a is `[M, K]`, b `[N, K]`. Elements are rounded to `type` (f32, bf16 or f16) first; sums are f32.
    func multiply(_ a: Operand, _ b: Operand, in type: DType, bias: Storage?, into out: Rows, adds: Bool)

    /// Rounds rows to the type of `out`.
    func keep(_ rows: Rows, in out: KeptRows)
    /// The rows as f32.
    func restore(_ kept: KeptRows, into out: Rows)
    /// Sets every element.
    func fill(_ rows: Rows, with value: Float)

    /// Leaves out elements of sequences' rows, in place, and divides the others by 1 - rate; the same again of a gradient.
    func drop(_ rows: Rows, sequences: [Range<Int>], _ dropout: Dropout)

    /// Attention of whole sequences to themselves, or across to `keys` of another; each of `spans` is a sequence of its own.
    /// `logSums` `[M, H]` gets the logarithm of each query's sum of exponentials. `dropout`, one key a span, is of the weights that scores become.
    func attendWhole(
        _ shape: AttentionShape, queries: KeptRows, keys: KeptRows, values: KeptRows, spans: [AttentionSpan], bias: ScoreBias?, dropout: Dropout?,
        in type: DType, into out: Rows, logSums: Rows)
    /// Its gradients, all written. `distanceGradient` is that of `ScoreBias.distances`, if wanted.
    func attendBackward(
        _ shape: AttentionShape, queries: KeptRows, keys: KeptRows, values: KeptRows, out: KeptRows, logSums: Rows, gradient: Rows,
        spans: [AttentionSpan], bias: ScoreBias?, dropout: Dropout?, in type: DType, queryGradient: Rows, keyGradient: Rows,
        valueGradient: Rows, distanceGradient: Storage?)

    func rmsNormBackward(_ x: KeptRows, weight: Storage, epsilon: Float, gradient: Rows, into out: Rows, adds: Bool, weightGradient: Storage?)
    func layerNormBackward(
        _ x: KeptRows, weight: Storage, epsilon: Float, gradient: Rows, into out: Rows, adds: Bool, weightGradient: Storage?,
        biasGradient: Storage?)
    /// Of activation(gate) · up; `gradient` may be one of the results.
    func gatedBackward(_ activation: Activation, gate: KeptRows, up: KeptRows, gradient: Rows, intoGate: Rows, intoUp: Rows)
    /// Of activation(x); `gradient` may be the result.
    func plainBackward(_ activation: Activation, _ x: KeptRows, gradient: Rows, into out: Rows)
    /// Of cap · tanh(x / cap) from its result; `gradient` may be the result.
    func softCapBackward(_ result: KeptRows, cap: Float, gradient: Rows, into out: Rows)
    /// out += the sum of the rows, f32 `[width]`.
    func addColumnSums(_ rows: Rows, to out: Storage)
    /// Row `ids[i]` of `gradient` `[V, width]`, f32, += row i.
    func embedBackward(_ ids: [Int32], _ rows: Rows, to gradient: Storage)

    /// Losses of rows of logits `[M, V]`, which become their own gradients. A target below 0 does not count.
    func crossEntropy(
        _ logits: Rows, targets: [Int32], _ options: CrossEntropyOptions, losses: UnsafeMutablePointer<Float>, logSums: UnsafeMutablePointer<Float>?)
}

/// One sequence of an attention call: rows of the batch, and the keys that each of its queries sees besides those before it.
package struct AttentionSpan: Sendable {
    package var queries: Range<Int>
    package var keys: Range<Int>
    /// Keys at the start that every query sees; all of them where queries attend across.
    package var prefix: Int

    package init(queries: Range<Int>, keys: Range<Int>, prefix: Int) {
        self.queries = queries
        self.keys = keys
        self.prefix = prefix
    }
}

package struct CrossEntropyOptions: Sendable {
    /// c: logits are c · tanh(logit / c) of the product.
    package var softCap: Float?
    /// ε: targets are (1 − ε) · one-hot + ε / V (Szegedy et al. 2016).
    package var labelSmoothing: Float
    /// Factor of log²Z (Chowdhery et al. 2022).
    package var zLoss: Float
    /// Factor of the gradients: 1 / tokens that count, times the loss scale.
    package var gradientScale: Float

    package init(softCap: Float? = nil, labelSmoothing: Float = 0, zLoss: Float = 0, gradientScale: Float) {
        self.softCap = softCap
        self.labelSmoothing = labelSmoothing
        self.zLoss = zLoss
        self.gradientScale = gradientScale
    }
}
