import ApusAutograd
import ApusDescription
import ApusLayers
import ApusTensor

/// One block: attention and the feed-forward network, joined as its topology says.
package final class DecoderBlock: Sendable {
    package let topology: BlockTopology
    package let attentionNorm: Norm
    package let attention: Attention
    /// Of a decoder with an encoder, in sequential blocks with norms before or after.
    package let crossNorm: Norm?
    package let crossAttention: CrossAttention?
    /// nil in a parallel block with one norm, which is the attention's.
    package let feedForwardNorm: Norm?
    package let feedForward: FeedForward
    /// Of what a sublayer gives, in sandwiches.
    package let attentionPostNorm: Norm?
    package let feedForwardPostNorm: Norm?
    private let dropout: DropoutDescription

    init(
        topology: BlockTopology, attentionNorm: Norm, attention: Attention, crossNorm: Norm?, crossAttention: CrossAttention?,
        feedForwardNorm: Norm?, feedForward: FeedForward, attentionPostNorm: Norm?, feedForwardPostNorm: Norm?, dropout: DropoutDescription
    ) {
        self.topology = topology
        self.attentionNorm = attentionNorm
        self.attention = attention
        self.crossNorm = crossNorm
        self.crossAttention = crossAttention
        self.feedForwardNorm = feedForwardNorm
        self.feedForward = feedForward
        self.attentionPostNorm = attentionPostNorm
        self.feedForwardPostNorm = feedForwardPostNorm
        self.dropout = dropout
    }

    /// Elements of a row that each sublayer makes between its input and output.
    var innerWidths: [Int] { [attention.innerWidth, crossAttention?.innerWidth, feedForward.innerWidth].compactMap(\.self) }

    /// Updates `hidden` `[M, C]` in place.
    func callAsFunction(_ hidden: Rows, layer: Int, cacheType: DType, _ context: ForwardContext) {
        let normed = context.workspace.rows(.normed, count: hidden.count, width: hidden.width)
        func attend(_ x: Rows, _ out: Rows, _ adds: Bool) {
            dropping(dropout.attentionOutput, out, adds, context) { attention(x, into: $0, adds: $1, layer: layer, cacheType: cacheType, context) }
        }
        func feed(_ x: Rows, _ out: Rows, _ adds: Bool) {
            dropping(dropout.feedForwardOutput, out, adds, context) { feedForward(x, into: $0, adds: $1, context) }
        }
        switch topology {
        case .sequential(let placement):
            sublayer(placement, hidden, normed, attentionNorm, attentionPostNorm, context, attend)
            if let crossAttention {
                sublayer(placement, hidden, normed, crossNorm!, nil, context) { x, out, adds in
                    dropping(dropout.attentionOutput, out, adds, context) { crossAttention(x, into: $0, adds: $1, layer: layer, context) }
                }
            }
            sublayer(placement, hidden, normed, feedForwardNorm!, feedForwardPostNorm, context, feed)
        case .parallel:
            attentionNorm(hidden, into: normed, context.backend)
            var second = normed
            if let feedForwardNorm {
                second = context.workspace.rows(.branch, count: hidden.count, width: hidden.width)
                feedForwardNorm(hidden, into: second, context.backend)
            }
            guard dropout.joinsParallel else {
                attend(normed, hidden, true)
                return feed(second, hidden, true)
            }
            dropping(dropout.feedForwardOutput, hidden, true, context) { out, adds in
                attention(normed, into: out, adds: adds, layer: layer, cacheType: cacheType, context)
                feedForward(second, into: out, adds: true, context)
            }
        }
    }

    /// Leaves in the caches what the attention would of `hidden` `[M, C]`.
    func remember(_ hidden: Rows, layer: Int, cacheType: DType, _ context: ForwardContext) {
        var x = hidden
        switch topology {
        case .sequential(.post), .sequential(.deepNorm): break
        case .sequential(.pre), .sequential(.sandwich), .sequential(.normedResidual), .parallel:
            x = context.workspace.rows(.normed, count: hidden.count, width: hidden.width)
            attentionNorm(hidden, into: x, context.backend)
        }
        attention.remember(x, layer: layer, cacheType: cacheType, context)
    }

    /// Writes or adds what f(into:, adds:) makes, elements of it left out.
    private func dropping(_ rate: Float, _ out: Rows, _ adds: Bool, _ context: ForwardContext, _ f: (Rows, Bool) -> Void) {
        guard context.backend.drops(rate) else { return f(out, adds) }
        let part = adds ? context.workspace.rows(.dropped, count: out.count, width: out.width) : out
        f(part, false)
        context.backend.drop(part, rate: rate, context.segments)
        if adds { context.backend.scale(part, by: 1, adding: out, into: out) }
    }

    /// Joins one sublayer f(x, into:, adds:) to the residual.
    private func sublayer(
        _ placement: NormPlacement, _ hidden: Rows, _ normed: Rows, _ norm: Norm, _ postNorm: Norm?, _ context: ForwardContext,
        _ f: (Rows, Rows, Bool) -> Void
    ) {
        let backend = context.backend
        func normSum(_ scale: Float) {
            backend.scale(hidden, by: scale, adding: nil, into: normed)
            f(hidden, normed, true)
            norm(normed, into: hidden, backend)
        }
        switch placement {
        case .pre:
            norm(hidden, into: normed, backend)
            f(normed, hidden, true)
        case .post: normSum(1)
        case .deepNorm(let scale): normSum(scale)
        case .sandwich:
            let branch = context.workspace.rows(.branch, count: hidden.count, width: hidden.width)
            norm(hidden, into: normed, backend)
            f(normed, branch, false)
            postNorm!(branch, into: branch, backend)
            backend.scale(branch, by: 1, adding: hidden, into: hidden)
        case .normedResidual(let scale):
            norm(hidden, into: normed, backend)
            backend.scale(normed, by: scale, adding: nil, into: hidden)
            f(normed, hidden, true)
        }
    }
}
