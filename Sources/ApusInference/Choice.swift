/// One of several answers to the same prompt.
public struct Choice: Sendable, Equatable {
    public var text: String
    public var ids: [Int32]
    public var finishReason: FinishReason
    /// Log-likelihood divided by the number of tokens, the one that ends the answer included. Beam search only.
    public var score: Double?

    public init(text: String, ids: [Int32], finishReason: FinishReason, score: Double? = nil) {
        self.text = text
        self.ids = ids
        self.finishReason = finishReason
        self.score = score
    }
}
