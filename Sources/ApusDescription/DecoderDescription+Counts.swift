/// Exact counts of a decoder.
extension DecoderDescription {
    /// All parameters, a tied head once.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }

    /// Multiplications and additions of one token at the end of `context` positions: two per weight of a product, and attention. An
    /// encoder's token is one of a text of so many, and a decoder's attends to such a text too, which is there already.
    public func flopsPerToken(context: Int) -> Int {
        let e = embedding.width ?? width
        let blocks = layers.map { layer in
            let a = layer.attention, f = layer.feedForward
            let projections = width * (a.heads + 2 * a.kvHeads) * a.headSize + a.heads * a.headSize * width
            let products = projections + (f.kind == .gated ? 3 : 2) * width * f.width
            let cross = layer.crossAttention.map { 4 * $0.heads * $0.headSize * (width + context) } ?? 0
            return 2 * products + 4 * a.heads * a.headSize * min(context, a.window ?? context) + cross
        }
        let transform = head?.transform == nil ? 0 : 2 * width * width
        let outer = transform + (head == nil ? 0 : 2 * e * vocabularySize) + (e == width ? 0 : (head == nil ? 2 : 4) * e * width)
        return blocks.reduce(0, +) + outer
    }

    /// Bytes of keys and values a position takes, with elements of `elementByteCount` bytes.
    public func kvBytesPerToken(elementByteCount: Int = 2) -> Int {
        layers.reduce(0) { $0 + 2 * $1.attention.kvHeads * $1.attention.headSize * elementByteCount }
    }
}
