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

    init(
        topology: BlockTopology, attentionNorm: Norm, attention: Attention, crossNorm: Norm?, crossAttention: CrossAttention?,
        feedForwardNorm: Norm?, feedForward: FeedForward, attentionPostNorm: Norm?, feedForwardPostNorm: Norm?
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
    }

    /// Elements of a row that each sublayer makes between its input and output.
    var innerWidths: [Int] { [attention.innerWidth, crossAttention?.innerWidth, feedForward.innerWidth].compactMap(\.self) }

    /// Updates `hidden` `[M, C]` in place.
    func callAsFunction(_ hidden: Rows, layer: Int, cacheType: DType, _ context: ForwardContext) {
        let normed = context.workspace.rows(.normed, count: hidden.count, width: hidden.width)
        func attend(_ x: Rows, _ out: Rows, _ adds: Bool) {
            attention(x, into: out, adds: adds, layer: layer, cacheType: cacheType, context)
        }
        func feed(_ x: Rows, _ out: Rows, _ adds: Bool) { feedForward(x, into: out, adds: adds, context) }
        switch topology {
        case .sequential(let placement):
            sublayer(placement, hidden, normed, attentionNorm, attentionPostNorm, context, attend)
            if let crossAttention {
                sublayer(placement, hidden, normed, crossNorm!, nil, context) { crossAttention($0, into: $1, adds: $2, layer: layer, context) }
            }
            sublayer(placement, hidden, normed, feedForwardNorm!, feedForwardPostNorm, context, feed)
        case .parallel:
            attentionNorm(hidden, into: normed, context.backend)
            var second = normed
            if let feedForwardNorm {
                second = context.workspace.rows(.branch, count: hidden.count, width: hidden.width)
                feedForwardNorm(hidden, into: second, context.backend)
            }
            attend(normed, hidden, true)
            feed(second, hidden, true)
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
