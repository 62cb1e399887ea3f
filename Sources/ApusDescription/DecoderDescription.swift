/// A decoder-only transformer as data: what every family's config is turned into, and all that the model code looks at.
public struct DecoderDescription: Sendable, Equatable {
    /// The family's name as its files give it, e.g. "llama".
    public var architecture: String
    /// V
    public var vocabularySize: Int
    /// C
    public var width: Int
    /// Positions the model was made for.
    public var contextLength: Int
    public var norm: NormKind
    public var position: PositionEncoding
    public var layers: [LayerDescription]
    /// The output projection is the embedding's matrix.
    public var tiedHead: Bool

    public init(
        architecture: String, vocabularySize: Int, width: Int, contextLength: Int, norm: NormKind, position: PositionEncoding,
        layers: [LayerDescription], tiedHead: Bool
    ) {
        self.architecture = architecture
        self.vocabularySize = vocabularySize
        self.width = width
        self.contextLength = contextLength
        self.norm = norm
        self.position = position
        self.layers = layers
        self.tiedHead = tiedHead
    }
}

public enum NormKind: Sendable, Equatable {
    /// x / √(mean(x²) + ε) · w (Zhang & Sennrich 2019).
    case rms(epsilon: Float)
}

public enum PositionEncoding: Sendable, Equatable {
    case rotary(RotaryDescription)
}

/// One block: pre-norm, attention, then pre-norm, feed-forward, each added to the residual.
public struct LayerDescription: Sendable, Equatable {
    public var attention: AttentionDescription
    public var feedForward: FeedForwardDescription

    public init(attention: AttentionDescription, feedForward: FeedForwardDescription) {
        self.attention = attention
        self.feedForward = feedForward
    }
}

public struct AttentionDescription: Sendable, Equatable {
    /// H
    public var heads: Int
    /// K: as many as heads (MHA), fewer (GQA, Ainslie et al. 2023) or one (MQA, Shazeer 2019).
    public var kvHeads: Int
    /// D
    public var headSize: Int
    /// Positions a query sees, its own included (Mistral's sliding window); nil: all before it.
    public var window: Int?
    /// Biases of the query, key and value projections.
    public var inputBias: Bool
    /// Bias of the output projection.
    public var outputBias: Bool
    /// RMSNorm of each query and key head before the rotation (Qwen3).
    public var queryKeyNorm: Bool

    public init(
        heads: Int, kvHeads: Int, headSize: Int, window: Int? = nil, inputBias: Bool = false, outputBias: Bool = false,
        queryKeyNorm: Bool = false
    ) {
        self.heads = heads
        self.kvHeads = kvHeads
        self.headSize = headSize
        self.window = window
        self.inputBias = inputBias
        self.outputBias = outputBias
        self.queryKeyNorm = queryKeyNorm
    }
}

public struct FeedForwardDescription: Sendable, Equatable {
    public enum Activation: String, Sendable { case silu, geluTanh }

    /// F
    public var width: Int
    /// down(activation(gate x) · up x) (SwiGLU and kin, Shazeer 2020).
    public var gatedBy: Activation
    public var bias: Bool

    public init(width: Int, gatedBy: Activation = .silu, bias: Bool = false) {
        self.width = width
        self.gatedBy = gatedBy
        self.bias = bias
    }
}
