import ApusTensor

/// Attention of a decoder's tokens to all that an encoder made of a text (Vaswani et al. 2017). Keys and values are made once a text.
package final class CrossAttention: Sendable {
    package let query: Linear
    package let key: Linear
    package let value: Linear
    package let output: Linear
    package let headSize: Int
    package let scale: Float
    /// In training, the chance of each weight that scores become to be left out.
    package let dropout: Float

    package init(query: Linear, key: Linear, value: Linear, output: Linear, headSize: Int, scale: Float, dropout: Float = 0) {
        self.query = query
        self.key = key
        self.value = value
        self.output = output
        self.headSize = headSize
        self.scale = scale
        self.dropout = dropout
    }

    package func shape(cacheType: DType) -> AttentionShape {
        AttentionShape(
            heads: query.outputs / headSize, kvHeads: key.outputs / headSize, headSize: headSize, scale: scale, window: nil, seesPrefix: true,
            cacheType: cacheType, dropout: dropout)
    }

    /// Fills caches, one a segment, with the keys and values of texts' vectors `[tokens of all texts, C]`.
    package func remember(
        _ encoded: Rows, _ segments: [Segment], in caches: [LayerCache], cacheType: DType, _ precision: ActivationPrecision, _ workspace: Workspace,
        _ backend: any Backend
    ) {
        let width = key.outputs, both = workspace.rows(.inner, count: encoded.count, width: 2 * width)
        let keys = both.columns(0..<width), values = both.columns(width..<2 * width)
        backend.linear(encoded, [key.product(into: keys), value.product(into: values)], precision)
        backend.store(shape(cacheType: cacheType), keys: keys, values: values, segments: segments, caches: caches)
    }

    /// Queries and what is attended to, side by side.
    package var innerWidth: Int { 2 * query.outputs }

    /// out = output(attend(x)), or added to what `out` holds.
    package func callAsFunction(_ x: Rows, into out: Rows, adds: Bool, layer: Int, _ context: ForwardContext) {
        let backend = context.backend, memories = context.memories
        let inner = context.workspace.rows(.inner, count: x.count, width: innerWidth)
        let queries = inner.columns(0..<query.outputs), attended = inner.columns(query.outputs..<inner.width)
        backend.linear(x, [query.product(into: queries)], context.precision)
        let segments = zip(context.segments, memories).map { Segment(rows: $0.rows, position: 0, prefix: $1.length) }
        backend.attendAcross(
            shape(cacheType: memories[0].dtype), queries: queries, segments: segments, caches: memories.map { $0.store.layer(layer) }, into: attended)
        backend.linear(attended, [output.product(into: out, adds: adds)], context.precision)
    }
}
