import ApusTensor

/// Grouped-query self-attention; head counts come from the widths of its projections.
package final class Attention: Sendable {
    /// Elements of each head that turn, from `first` on, by the angles of a table of the context.
    package struct Rotation: Sendable, Equatable {
        /// Index into `ForwardContext.angles`.
        package var angles: Int
        package var first: Int
        package var interleaved: Bool

        package init(angles: Int, first: Int = 0, interleaved: Bool) {
            self.angles = angles
            self.first = first
            self.interleaved = interleaved
        }
    }

    /// What the scores are made of, besides queries and keys.
    package struct Scores: Sendable {
        package var scale: Float
        package var softCap: Float?
        package var bias: ScoreBias?
        package var window: Int?
        /// Whether the positions of a segment's prefix see each other in both directions.
        package var seesPrefix: Bool
        /// In training, the chance of each weight that they become to be left out.
        package var dropout: Float

        package init(
            scale: Float, softCap: Float? = nil, bias: ScoreBias? = nil, window: Int? = nil, seesPrefix: Bool = false, dropout: Float = 0
        ) {
            self.scale = scale
            self.softCap = softCap
            self.bias = bias
            self.window = window
            self.seesPrefix = seesPrefix
            self.dropout = dropout
        }
    }

    package let query: Linear
    package let key: Linear
    package let value: Linear
    package let output: Linear
    package let queryNorm: Norm?
    package let keyNorm: Norm?
    package let headSize: Int
    package let rotations: [Rotation]
    package let scores: Scores

    package init(
        query: Linear, key: Linear, value: Linear, output: Linear, queryNorm: Norm?, keyNorm: Norm?, headSize: Int, rotations: [Rotation],
        scores: Scores
    ) {
        self.query = query
        self.key = key
        self.value = value
        self.output = output
        self.queryNorm = queryNorm
        self.keyNorm = keyNorm
        self.headSize = headSize
        self.rotations = rotations
        self.scores = scores
    }

    package func shape(cacheType: DType) -> AttentionShape {
        AttentionShape(
            heads: query.outputs / headSize, kvHeads: key.outputs / headSize, headSize: headSize, scale: scores.scale, window: scores.window,
            seesPrefix: scores.seesPrefix, softCap: scores.softCap, cacheType: cacheType, dropout: scores.dropout)
    }

    /// Queries, keys, values and what is attended to, side by side.
    package var innerWidth: Int { 2 * (query.outputs + key.outputs) }

    /// out = output(attend(x)), or added to what `out` holds.
    package func callAsFunction(_ x: Rows, into out: Rows, adds: Bool, layer: Int, cacheType: DType, _ context: ForwardContext) {
        let backend = context.backend
        let queryWidth = query.outputs, kvWidth = key.outputs
        let inner = context.workspace.rows(.inner, count: x.count, width: innerWidth)
        let queries = inner.columns(0..<queryWidth)
        let keys = inner.columns(queryWidth..<queryWidth + kvWidth)
        let values = inner.columns(queryWidth + kvWidth..<queryWidth + 2 * kvWidth)
        let attended = inner.columns(queryWidth + 2 * kvWidth..<inner.width)
        let shape = shape(cacheType: cacheType), caches = context.caches(layer: layer)
        if context.remembered {
            backend.linear(x, [query.product(into: queries)], context.precision)
            normAndRotate(queries, queryNorm, context)
            backend.attendStored(shape, queries: queries, segments: context.segments, caches: caches, bias: scores.bias, into: attended)
        } else {
            backend.linear(x, [query.product(into: queries), key.product(into: keys), value.product(into: values)], context.precision)
            normAndRotate(queries, queryNorm, context)
            normAndRotate(keys, keyNorm, context)
            backend.attend(
                shape, queries: queries, keys: keys, values: values, segments: context.segments, caches: caches, bias: scores.bias,
                into: attended)
        }
        backend.linear(attended, [output.product(into: out, adds: adds)], context.precision)
    }

    /// Stores the keys and values of x, so that some of its rows can attend to them in a context where all is remembered.
    package func remember(_ x: Rows, layer: Int, cacheType: DType, _ context: ForwardContext) {
        let width = key.outputs, both = context.workspace.rows(.inner, count: x.count, width: 2 * width)
        let keys = both.columns(0..<width), values = both.columns(width..<2 * width)
        context.backend.linear(x, [key.product(into: keys), value.product(into: values)], context.precision)
        normAndRotate(keys, keyNorm, context)
        context.backend.store(
            shape(cacheType: cacheType), keys: keys, values: values, segments: context.segments, caches: context.caches(layer: layer))
    }

    /// Of the heads of queries or keys, in place.
    private func normAndRotate(_ heads: Rows, _ norm: Norm?, _ context: ForwardContext) {
        norm?.onHeads(heads, size: headSize, context.backend)
        for rotation in rotations {
            let angles = context.angles[rotation.angles]
            context.backend.rotary(
                heads, headSize: headSize, first: rotation.first, cosines: angles.cosines, sines: angles.sines, interleaved: rotation.interleaved)
        }
    }
}
