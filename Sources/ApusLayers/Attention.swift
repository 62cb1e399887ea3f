import ApusTensor

/// Grouped-query self-attention with rotary positions; head counts come from the widths of its projections.
package final class Attention: Sendable {
    package let query: Linear
    package let key: Linear
    package let value: Linear
    package let output: Linear
    package let queryNorm: RMSNorm?
    package let keyNorm: RMSNorm?
    package let headSize: Int
    package let window: Int?
    package let interleavedRotary: Bool

    package init(
        query: Linear, key: Linear, value: Linear, output: Linear, queryNorm: RMSNorm?, keyNorm: RMSNorm?, headSize: Int, window: Int?,
        interleavedRotary: Bool
    ) {
        self.query = query
        self.key = key
        self.value = value
        self.output = output
        self.queryNorm = queryNorm
        self.keyNorm = keyNorm
        self.headSize = headSize
        self.window = window
        self.interleavedRotary = interleavedRotary
    }

    package func shape(cacheType: DType) -> AttentionShape {
        AttentionShape(
            heads: query.outputs / headSize, kvHeads: key.outputs / headSize, headSize: headSize, scale: 1 / Float(headSize).squareRoot(),
            window: window, cacheType: cacheType)
    }

    /// residual += output(attend(x)); x is the normed residual.
    package func callAsFunction(_ x: Rows, residual: Rows, layer: Int, cacheType: DType, _ context: ForwardContext) {
        let backend = context.backend
        let shape = shape(cacheType: cacheType)
        let queryWidth = query.outputs, kvWidth = key.outputs
        let projected = context.workspace.rows(.projected, count: x.count, width: queryWidth + 2 * kvWidth)
        let queries = projected.columns(0..<queryWidth)
        let keys = projected.columns(queryWidth..<queryWidth + kvWidth)
        let values = projected.columns(queryWidth + kvWidth..<queryWidth + 2 * kvWidth)
        backend.linear(x, [query.product(into: queries), key.product(into: keys), value.product(into: values)])
        if let queryNorm { backend.rmsNormHeads(queries, heads: shape.heads, weight: queryNorm.weight, epsilon: queryNorm.epsilon) }
        if let keyNorm { backend.rmsNormHeads(keys, heads: shape.kvHeads, weight: keyNorm.weight, epsilon: keyNorm.epsilon) }
        backend.rotary(
            queries, heads: shape.heads, cosines: context.cosines, sines: context.sines, interleaved: interleavedRotary)
        backend.rotary(
            keys, heads: shape.kvHeads, cosines: context.cosines, sines: context.sines, interleaved: interleavedRotary)
        let attended = context.workspace.rows(.attended, count: x.count, width: queryWidth)
        backend.attend(
            shape, queries: queries, keys: keys, values: values, segments: context.segments, caches: context.caches(layer: layer),
            into: attended)
        backend.linear(attended, [output.product(into: residual, adds: true)])
    }
}
