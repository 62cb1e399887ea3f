/// Exact counts of a decoder.
extension DecoderDescription {
    /// All parameters, a tied head once.
    public var parameterCount: Int {
        let blocks = layers.map { layer in
            let a = layer.attention, f = layer.feedForward
            let queryWidth = a.heads * a.headSize, kvWidth = a.kvHeads * a.headSize
            var count = width * (queryWidth + 2 * kvWidth) + queryWidth * width + 3 * width * f.width + 2 * width
            if a.inputBias { count += queryWidth + 2 * kvWidth }
            if a.outputBias { count += width }
            if a.queryKeyNorm { count += 2 * a.headSize }
            if f.bias { count += 2 * f.width + width }
            return count
        }
        return blocks.reduce(0, +) + width + vocabularySize * width * (tiedHead ? 1 : 2)
    }

    /// Multiplications and additions of one token at the end of `context` positions: two per weight of a product, and attention.
    public func flopsPerToken(context: Int) -> Int {
        let blocks = layers.map { layer in
            let a = layer.attention
            let products = width * (a.heads + 2 * a.kvHeads) * a.headSize + a.heads * a.headSize * width + 3 * width * layer.feedForward.width
            return 2 * products + 4 * a.heads * a.headSize * min(context, a.window ?? context)
        }
        return blocks.reduce(0, +) + 2 * width * vocabularySize
    }

    /// Bytes of keys and values a position takes, with elements of `elementByteCount` bytes.
    public func kvBytesPerToken(elementByteCount: Int = 2) -> Int {
        layers.reduce(0) { $0 + 2 * $1.attention.kvHeads * $1.attention.headSize * elementByteCount }
    }
}
