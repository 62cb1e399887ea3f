/// The chances with which training leaves out elements (Srivastava et al. 2014), at least 0 and below 1. They are the configuration's, and no part
/// of what the model is: answers know nothing of them.
package struct DropoutDescription: Sendable, Equatable {
    /// Of the sum of embeddings, behind its norm if it has one.
    package var embedding: Float
    /// Of the weights that scores of attention become.
    package var attentionWeights: Float
    /// Of what attention gives to the residual.
    package var attentionOutput: Float
    /// Of what the feed-forward network gives to the residual.
    package var feedForwardOutput: Float
    /// Inside of the feed-forward network, behind its activation.
    package var activation: Float
    /// Of what the norm behind the blocks gives.
    package var output: Float
    /// Whether a parallel block leaves out of the sum of both its sublayers, with the chance of `feedForwardOutput`, and not of each.
    package var joinsParallel: Bool

    /// Nothing is left out but with the chances that are given.
    package init(
        embedding: Float = 0, attentionWeights: Float = 0, attentionOutput: Float = 0, feedForwardOutput: Float = 0, activation: Float = 0,
        output: Float = 0, joinsParallel: Bool = false
    ) {
        self.embedding = embedding
        self.attentionWeights = attentionWeights
        self.attentionOutput = attentionOutput
        self.feedForwardOutput = feedForwardOutput
        self.activation = activation
        self.output = output
        self.joinsParallel = joinsParallel
    }

    /// Nothing is left out.
    package static let none = DropoutDescription()
}
