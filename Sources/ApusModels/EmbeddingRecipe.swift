/// How the vector of a text is made of its tokens' vectors, as the files of sentence-transformers beside a model say.
public struct EmbeddingRecipe: Sendable, Equatable {
    /// How one vector comes of many.
    public enum Pooling: String, Sendable, CaseIterable {
        /// Their mean.
        case mean
        /// The first token's.
        case cls
    }

    /// How one vector comes of many.
    public var pooling: Pooling
    /// Whether it is brought to length 1.
    public var normalizes: Bool
    /// Tokens of a text, what stands around it included; the end of a longer one is left out. nil: as many as the model has positions for.
    public var maxTokens: Int?
    /// Stands before every text.
    public var prompt: String

    /// The mean as it is, unless said otherwise.
    public init(pooling: Pooling = .mean, normalizes: Bool = false, maxTokens: Int? = nil, prompt: String = "") {
        self.pooling = pooling
        self.normalizes = normalizes
        self.maxTokens = maxTokens
        self.prompt = prompt
    }
}
