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
    /// The norm before each part of a block and before the output projection.
    public var norm: NormKind
    /// How attention learns where tokens stand.
    public var position: PositionEncoding
    /// The blocks, from the embedding to the output.
    public var layers: [LayerDescription]
    /// The output projection is the embedding's matrix.
    public var tiedHead: Bool

    /// A description from its parts; that they fit each other is for whoever reads them from a file to see to.
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

/// How activations are brought to one scale, with the constant ε that keeps the divisor above 0.
public enum NormKind: Sendable, Equatable {
    /// x / √(mean(x²) + ε) · w (Zhang & Sennrich 2019).
    case rms(epsilon: Float)
}

/// How the position of a token enters the model.
public enum PositionEncoding: Sendable, Equatable {
    /// Queries and keys are turned by angles that grow with the position (Su et al. 2021).
    case rotary(RotaryDescription)
}

/// One block: pre-norm, attention, then pre-norm, feed-forward, each added to the residual.
public struct LayerDescription: Sendable, Equatable {
    /// The block's first part.
    public var attention: AttentionDescription
    /// The block's second part.
    public var feedForward: FeedForwardDescription

    /// A block from its two parts.
    public init(attention: AttentionDescription, feedForward: FeedForwardDescription) {
        self.attention = attention
        self.feedForward = feedForward
    }
}

/// Causal self-attention: projections C → H·D, C → K·D (twice) and H·D → C.
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

    /// All positions, no biases and no norms unless said otherwise.
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

/// The gated feed-forward network of a block: two projections C → F and one F → C.
public struct FeedForwardDescription: Sendable, Equatable {
    /// What the gate goes through.
    public enum Activation: String, Sendable {
        /// x · σ(x) (Elfwing et al. 2018).
        case silu
        /// GELU in its form with tanh (Hendrycks & Gimpel 2016).
        case geluTanh
    }

    /// F
    public var width: Int
    /// down(activation(gate x) · up x) (SwiGLU and kin, Shazeer 2020).
    public var gatedBy: Activation
    /// Biases of all three projections.
    public var bias: Bool

    /// F and the gate's activation; no biases unless said otherwise.
    public init(width: Int, gatedBy: Activation = .silu, bias: Bool = false) {
        self.width = width
        self.gatedBy = gatedBy
        self.bias = bias
    }
}
