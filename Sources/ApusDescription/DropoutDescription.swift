/// The chances with which training leaves out elements (Srivastava et al. 2014), at least 0 and below 1. They are the configuration's, and no part
/// of what the model is: answers know nothing of them.
public struct DropoutDescription: Sendable, Equatable {
    /// Of the sum of embeddings, behind its norm if it has one.
    public var embedding: Float
    /// Of the weights that scores of attention become.
    public var scores: Float
    /// Of what attention gives to the residual.
    public var attention: Float
    /// Of what the feed-forward network gives to the residual.
    public var feedForward: Float
    /// Inside of the feed-forward network, behind its activation.
    public var activation: Float
    /// Of what the norm behind the blocks gives.
    public var output: Float
    /// Whether a parallel block leaves out of the sum of both its sublayers, with the chance of `feedForward`, and not of each.
    public var joinsParallel: Bool

    /// Nothing is left out but with the chances that are given.
    public init(
        embedding: Float = 0, scores: Float = 0, attention: Float = 0, feedForward: Float = 0, activation: Float = 0, output: Float = 0,
        joinsParallel: Bool = false
    ) {
        self.embedding = embedding
        self.scores = scores
        self.attention = attention
        self.feedForward = feedForward
        self.activation = activation
        self.output = output
        self.joinsParallel = joinsParallel
    }

    /// Nothing is left out.
    public static let none = DropoutDescription()
}
