import ApusBase
import ApusDescription
import ApusLayers
import ApusTensor

/// Puts a model's modules together from its description and its packed matrices.
struct DecoderAssembly {
    let backend: any Backend
    /// Where the weights come from, for errors.
    let path: String
    var description: DecoderDescription
    let matrices: [String: PackedMatrix]
    /// A vector parameter in f32, a number added to each of its own.
    let vector: (_ name: String, _ increment: Float) throws(InputError) -> Storage
    /// What the names of the stack's parameters start with.
    var prefix = ""
    var dropout = DropoutDescription.none

    /// A model with a head.
    func decoder() throws(InputError) -> Decoder {
        let head = description.head!
        return Decoder(
            description: description, backend: backend, encoder: try ownEncoder(), embedding: try embedding(), stack: try stack(),
            headProjection: optionalLinear("headProjection"), headTransform: try headTransform(head),
            head: Linear(
                matrices[head.tied ? "embedding.weight" : "head.weight"]!, bias: head.bias ? try vector("head.bias", 0) : nil),
            headDescription: head)
    }

    /// A model without one.
    func encoder() throws(InputError) -> Encoder {
        Encoder(description: description, backend: backend, embedding: try embedding(), stack: try stack())
    }

    /// The encoder of a model with both.
    func ownEncoder() throws(InputError) -> Encoder? {
        guard let own = description.ofEncoder else { return nil }
        var assembly = self
        (assembly.description, assembly.prefix) = (own, "encoder.")
        return try assembly.encoder()
    }

    private func embedding() throws(InputError) -> TokenEmbedding {
        TokenEmbedding(
            description, matrix: matrices["embedding.weight"]!, projection: optionalLinear("embeddingProjection"),
            positions: matrices["positions.weight"], tokenTypes: matrices["tokenTypes.weight"],
            norm: description.embedding.norm ? try norm("embeddingNorm", description.norm) : nil, dropout: dropout.embedding)
    }

    private func stack() throws(InputError) -> BlockStack {
        let channels = description.rotaryChannels, relativeBias = try relativeBias()
        var blocks: [DecoderBlock] = []
        for (index, layer) in description.layers.enumerated() {
            blocks.append(try block(layer, "\(prefix)layers.\(index).", channels, try slopes(layer) ?? relativeBias?.scores))
        }
        return BlockStack(
            blocks: blocks, norm: description.finalNorm ? try norm(prefix + "norm", description.norm) : nil, rotations: channels,
            relativeBias: relativeBias, dropout: dropout.output, backend: backend)
    }

    private func linear(_ name: String, bias: Bool) throws(InputError) -> Linear {
        Linear(matrices[name + ".weight"]!, bias: bias ? try vector(name + ".bias", 0) : nil)
    }

    private func headTransform(_ head: HeadDescription) throws(InputError) -> HeadTransform? {
        guard let activation = head.transform else { return nil }
        return HeadTransform(
            linear: try linear("headTransform", bias: true), activation: activation.kernel, norm: try norm("headNorm", description.norm))
    }

    private func optionalLinear(_ name: String) -> Linear? { matrices[name + ".weight"].map { Linear($0) } }

    private func norm(_ name: String, _ kind: NormKind) throws(InputError) -> Norm {
        switch kind {
        case .rms(let epsilon, let offset): Norm(.rms, epsilon: epsilon, weight: try vector(name + ".weight", offset))
        case .layer(let epsilon):
            Norm(.layer, epsilon: epsilon, weight: try vector(name + ".weight", 0), bias: try vector(name + ".bias", 0))
        }
    }

    private func block(
        _ layer: LayerDescription, _ prefix: String, _ channels: [RotaryChannel.Key], _ bias: ScoreBias?
    ) throws(InputError) -> DecoderBlock {
        let f = layer.feedForward, isSandwich = layer.topology == .sequential(.sandwich)
        let hasSecondNorm = layer.topology != .parallel(norms: .one)
        return DecoderBlock(
            topology: layer.topology, attentionNorm: try norm(prefix + "attentionNorm", description.norm),
            attention: try attention(layer, prefix + "attention.", channels, bias),
            crossNorm: layer.crossAttention == nil ? nil : try norm(prefix + "crossNorm", description.norm),
            crossAttention: try crossAttention(layer, prefix + "crossAttention."),
            feedForwardNorm: hasSecondNorm ? try norm(prefix + "feedForwardNorm", description.norm) : nil,
            feedForward: FeedForward(
                gate: f.kind == .gated ? try linear(prefix + "feedForward.gate", bias: f.bias) : nil,
                up: try linear(prefix + "feedForward.up", bias: f.bias), down: try linear(prefix + "feedForward.down", bias: f.bias),
                activation: f.activation.kernel, dropout: dropout.activation),
            attentionPostNorm: isSandwich ? try norm(prefix + "attentionPostNorm", description.norm) : nil,
            feedForwardPostNorm: isSandwich ? try norm(prefix + "feedForwardPostNorm", description.norm) : nil, dropout: dropout)
    }

    private func attention(
        _ layer: LayerDescription, _ prefix: String, _ channels: [RotaryChannel.Key], _ bias: ScoreBias?
    ) throws(InputError) -> Attention {
        let a = layer.attention, own = description.rotaryChannels(of: layer)
        // The channels share the head among themselves.
        let rotations = own.enumerated().map { index, key in
            Attention.Rotation(
                angles: channels.firstIndex(of: key)!, first: index * a.headSize / own.count, interleaved: key.rotary.style == .interleaved)
        }
        return Attention(
            query: try linear(prefix + "query", bias: a.inputBias), key: try linear(prefix + "key", bias: a.inputBias),
            value: try linear(prefix + "value", bias: a.inputBias), output: try linear(prefix + "output", bias: a.outputBias),
            queryNorm: try headNorm(prefix + "queryNorm", a.queryKeyNorm), keyNorm: try headNorm(prefix + "keyNorm", a.queryKeyNorm),
            headSize: a.headSize, rotations: rotations,
            scores: Attention.Scores(
                scale: a.scale ?? 1 / Float(a.headSize).squareRoot(), softCap: a.softCap, bias: bias, window: a.window,
                seesPrefix: a.mask.seesAhead, dropout: dropout.attentionWeights))
    }

    private func headNorm(_ name: String, _ kind: NormKind?) throws(InputError) -> Norm? {
        guard let kind else { return nil }
        return try norm(name, kind)
    }

    private func crossAttention(_ layer: LayerDescription, _ prefix: String) throws(InputError) -> CrossAttention? {
        guard let a = layer.crossAttention else { return nil }
        return CrossAttention(
            query: try linear(prefix + "query", bias: a.inputBias), key: try linear(prefix + "key", bias: a.inputBias),
            value: try linear(prefix + "value", bias: a.inputBias), output: try linear(prefix + "output", bias: a.outputBias),
            headSize: a.headSize, scale: a.scale ?? 1 / Float(a.headSize).squareRoot(), dropout: dropout.attentionWeights)
    }

    private func slopes(_ layer: LayerDescription) throws(InputError) -> ScoreBias? {
        guard case .alibi(let style) = description.position(of: layer) else { return nil }
        let slopes = style.slopes(heads: layer.attention.heads)
        guard let storage = backend.allocate(byteCount: slopes.count * 4) else { throw InputError(path, "no memory for slopes") }
        for (head, slope) in slopes.enumerated() { storage.floats[head] = slope }
        return .slopes(storage, inBF16: style == .beforeScalingInBF16)
    }

    /// What all layers add to their scores, a bucket of distances a number.
    private func relativeBias() throws(InputError) -> RelativeBias? {
        guard case .relative(let relative) = description.position else { return nil }
        guard let bias = RelativeBias(matrices[prefix + "relativeBias.weight"]!, relative, on: backend) else {
            throw InputError(path, "no memory for relative positions")
        }
        return bias
    }
}

extension FeedForwardDescription.Activation {
    /// The same activation of the backend.
    var kernel: Activation {
        switch self {
        case .silu: .silu
        case .geluTanh: .geluTanh
        case .geluErf: .geluErf
        case .relu: .relu
        }
    }
}
