import ApusLayers
import ApusTensor

/// One pre-norm block: attention, then the feed-forward network, each added to the residual.
package final class DecoderBlock: Sendable {
    package let attentionNorm: RMSNorm
    package let attention: Attention
    package let feedForwardNorm: RMSNorm
    package let feedForward: GatedFeedForward

    init(attentionNorm: RMSNorm, attention: Attention, feedForwardNorm: RMSNorm, feedForward: GatedFeedForward) {
        self.attentionNorm = attentionNorm
        self.attention = attention
        self.feedForwardNorm = feedForwardNorm
        self.feedForward = feedForward
    }

    /// Updates `hidden` `[M, C]` in place.
    func callAsFunction(_ hidden: Rows, layer: Int, cacheType: DType, _ context: ForwardContext) {
        let normed = context.workspace.rows(.normed, count: hidden.count, width: hidden.width)
        attentionNorm(hidden, into: normed, context.backend)
        attention(normed, residual: hidden, layer: layer, cacheType: cacheType, context)
        feedForwardNorm(hidden, into: normed, context.backend)
        feedForward(normed, residual: hidden, context)
    }
}
