/// The encoder of a decoder that attends to a whole text besides its own tokens (Vaswani et al. 2017). Embedding, widths and kinds of
/// norms are the decoder's.
public struct EncoderDescription: Sendable, Equatable {
    /// The blocks, from the embedding to what the decoder attends to.
    public var layers: [LayerDescription]
    /// How they learn where tokens stand.
    public var position: PositionEncoding
    /// The token that the decoder's own text begins with.
    public var startToken: Int

    /// - Parameters:
    ///   - layers: the blocks.
    ///   - position: how they learn where tokens stand.
    ///   - startToken: the token that the decoder's own text begins with.
    public init(layers: [LayerDescription], position: PositionEncoding, startToken: Int) {
        self.layers = layers
        self.position = position
        self.startToken = startToken
    }
}

extension DecoderDescription {
    /// The encoder as a model of its own.
    public var ofEncoder: DecoderDescription? {
        guard let encoder else { return nil }
        var whole = self
        (whole.layers, whole.position, whole.head, whole.encoder) = (encoder.layers, encoder.position, nil, nil)
        return whole
    }
}
