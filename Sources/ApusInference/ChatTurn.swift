/// How one answer of a conversation came about.
public struct ChatTurn: Sendable, Equatable {
    /// Nil when the caller stopped it.
    public var finishReason: FinishReason?
    /// Tokens of the whole conversation before the answer.
    public var promptTokens: Int
    /// How many of them were still in the cache from the turns before.
    public var reusedTokens: Int
    /// Tokens of the answer, without the one that means the end.
    public var generatedTokens: Int
    /// For the tokens that were not reused, the first of the answer included.
    public var promptSeconds: Double
    /// For the other tokens of the answer.
    public var decodeSeconds: Double
    /// Messages at the beginning that were given up since they did not fit the context any longer.
    public var forgottenMessages: Int
}
