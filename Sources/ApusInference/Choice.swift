/// One of several answers to the same prompt.
public struct Choice: Sendable, Equatable {
    /// Without the stop string that ended it.
    public var text: String
    /// Its tokens, without the one that means the end.
    public var ids: [Int32]
    /// What ended it.
    public var finishReason: FinishReason
    /// Log-likelihood divided by the number of tokens, the one that ends the answer included. Beam search only.
    public var score: Double?

    /// An answer from its parts.
    public init(text: String, ids: [Int32], finishReason: FinishReason, score: Double? = nil) {
        self.text = text
        self.ids = ids
        self.finishReason = finishReason
        self.score = score
    }
}
