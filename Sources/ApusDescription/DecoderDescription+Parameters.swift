/// The parameters of a decoder under our own, canonical names.
extension DecoderDescription {
    /// A vector or matrix of weights.
    public struct Parameter: Sendable, Equatable {
        /// E.g. `layers.3.attention.query.weight`.
        public var name: String
        /// `[outputs, inputs]`, or the width of a vector.
        public var shape: [Int]
    }

    /// All of them, outside the layers first.
    public var parameters: [Parameter] {
        var list = ParameterList()
        let e = embedding.width ?? width
        list.linear("embedding", vocabularySize, e)
        if e != width { list.linear("embeddingProjection", width, e) }
        if embedding.tokenTypes > 0 { list.linear("tokenTypes", embedding.tokenTypes, width) }
        if embedding.norm { list.norm("embeddingNorm", norm, width) }
        if case .learned(let offset) = position { list.linear("positions", contextLength + offset, width) }
        if finalNorm { list.norm("norm", norm, width) }
        list.relativeBias("relativeBias", position, layers)
        if let head = head ?? maskedHead {
            if head.transform != nil {
                list.linear("headTransform", width, width, bias: true)
                list.norm("headNorm", norm, width)
            }
            if e != width { list.linear("headProjection", e, width) }
            if !head.tied { list.linear("head", vocabularySize, e) }
            if head.bias { list.vector("head.bias", vocabularySize) }
        }
        for (index, layer) in layers.enumerated() { list.add(layer, "layers.\(index).", width, norm) }
        if let encoder {
            if finalNorm { list.norm("encoder.norm", norm, width) }
            list.relativeBias("encoder.relativeBias", encoder.position, encoder.layers)
            for (index, layer) in encoder.layers.enumerated() { list.add(layer, "encoder.layers.\(index).", width, norm) }
        }
        return list.parameters
    }

    private struct ParameterList {
        var parameters: [Parameter] = []

        mutating func vector(_ name: String, _ width: Int) { parameters.append(Parameter(name: name, shape: [width])) }

        mutating func norm(_ module: String, _ kind: NormKind, _ width: Int) {
            vector(module + ".weight", width)
            if kind.hasBias { vector(module + ".bias", width) }
        }

        mutating func linear(_ module: String, _ outputs: Int, _ inputs: Int, bias: Bool = false) {
            parameters.append(Parameter(name: module + ".weight", shape: [outputs, inputs]))
            if bias { vector(module + ".bias", outputs) }
        }

        /// Numbers of the heads, a row a bucket.
        mutating func relativeBias(_ name: String, _ position: PositionEncoding, _ layers: [LayerDescription]) {
            if case .relative(let relative) = position { linear(name, relative.buckets, layers[0].attention.heads) }
        }

        mutating func attention(_ a: AttentionDescription, _ prefix: String, _ c: Int) {
            linear(prefix + "query", a.heads * a.headSize, c, bias: a.inputBias)
            linear(prefix + "key", a.kvHeads * a.headSize, c, bias: a.inputBias)
            linear(prefix + "value", a.kvHeads * a.headSize, c, bias: a.inputBias)
            linear(prefix + "output", c, a.heads * a.headSize, bias: a.outputBias)
            if let kind = a.queryKeyNorm {
                norm(prefix + "queryNorm", kind, a.headSize)
                norm(prefix + "keyNorm", kind, a.headSize)
            }
        }

        mutating func add(_ layer: LayerDescription, _ prefix: String, _ c: Int, _ kind: NormKind) {
            let f = layer.feedForward
            norm(prefix + "attentionNorm", kind, c)
            attention(layer.attention, prefix + "attention.", c)
            if let cross = layer.crossAttention {
                norm(prefix + "crossNorm", kind, c)
                attention(cross, prefix + "crossAttention.", c)
            }
            if layer.topology == .sequential(.sandwich) { norm(prefix + "attentionPostNorm", kind, c) }
            if layer.topology != .parallel(norms: .one) { norm(prefix + "feedForwardNorm", kind, c) }
            if f.kind == .gated { linear(prefix + "feedForward.gate", f.width, c, bias: f.bias) }
            linear(prefix + "feedForward.up", f.width, c, bias: f.bias)
            linear(prefix + "feedForward.down", c, f.width, bias: f.bias)
            if layer.topology == .sequential(.sandwich) { norm(prefix + "feedForwardPostNorm", kind, c) }
        }
    }
}
