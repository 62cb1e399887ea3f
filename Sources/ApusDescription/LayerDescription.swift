/// One block.
public struct LayerDescription: Sendable, Equatable {
    /// The block's first sublayer.
    public var attention: AttentionDescription
    /// A sublayer between the two, of a decoder that has an encoder: queries of its own tokens, keys and values of the encoder's.
    public var crossAttention: AttentionDescription?
    /// The block's last sublayer.
    public var feedForward: FeedForwardDescription
    /// How they are joined.
    public var topology: BlockTopology
    /// How the layer learns where tokens stand; nil: as the model does.
    public var position: PositionEncoding?

    /// A pre-norm block from its sublayers, unless said otherwise.
    public init(
        attention: AttentionDescription, crossAttention: AttentionDescription? = nil, feedForward: FeedForwardDescription,
        topology: BlockTopology = .sequential(.pre), position: PositionEncoding? = nil
    ) {
        self.attention = attention
        self.crossAttention = crossAttention
        self.feedForward = feedForward
        self.topology = topology
        self.position = position
    }
}

/// How a block's sublayers f, attention and the feed-forward network, are joined.
public enum BlockTopology: Sendable, Equatable {
    /// One after the other.
    case sequential(NormPlacement)
    /// Both from the same residual: x + attention(norm x) + feedForward(norm x); with two norms each has its own.
    case parallel(norms: ParallelNorms)

    /// How many norms a parallel block has.
    public enum ParallelNorms: Int, Sendable, Equatable {
        /// Both sublayers read the same normed residual.
        case one = 1
        /// Each sublayer has a norm of its own.
        case two
    }
}

/// Where the norm of a sublayer f stands.
public enum NormPlacement: Sendable, Equatable {
    /// x + f(norm x)
    case pre
    /// norm(x + f(x)) (OPT-350M, BERT)
    case post
    /// norm(α · x + f(x)) (DeepNorm, Wang et al. 2022: α = (2L)^¼ in a decoder of L layers; GLM-130B: √(2L))
    case deepNorm(scale: Float)
    /// x + norm₂(f(norm₁ x)) (Gemma 2, GLM-4-0414)
    case sandwich
    /// α · norm x + f(norm x) (ChatGLM-6B: α = √(2L))
    case normedResidual(scale: Float)
}

/// Which keys a query sees.
public enum AttentionMask: Sendable, Equatable {
    /// Keys up to the query's own position.
    case causal
    /// The last positions before a query, its own included, so many in all (Mistral's sliding window).
    case window(Int)
    /// Causal, but the tokens before the start of the answer see each other in both directions.
    case prefix
    /// All keys (BERT).
    case full

    /// Whether some tokens see keys behind their own.
    public var seesAhead: Bool {
        switch self {
        case .causal, .window: false
        case .prefix, .full: true
        }
    }
}

/// Attention: projections C → H·D, C → K·D (twice) and H·D → C.
public struct AttentionDescription: Sendable, Equatable {
    /// H
    public var heads: Int
    /// K: as many as heads (MHA), fewer (GQA, Ainslie et al. 2023) or one (MQA, Shazeer 2019).
    public var kvHeads: Int
    /// D
    public var headSize: Int
    /// Which keys a query sees.
    public var mask: AttentionMask
    /// Biases of the query, key and value projections.
    public var inputBias: Bool
    /// Bias of the output projection.
    public var outputBias: Bool
    /// Norm of each query and key head before the rotation (Qwen3, Gemma 3).
    public var queryKeyNorm: NormKind?
    /// Factor of the scores; nil: 1/√D.
    public var scale: Float?
    /// c: scaled scores become c · tanh(score / c) (Gemma 2).
    public var softCap: Float?

    /// Causal, without biases, norms or caps unless said otherwise.
    public init(
        heads: Int, kvHeads: Int, headSize: Int, mask: AttentionMask = .causal, inputBias: Bool = false, outputBias: Bool = false,
        queryKeyNorm: NormKind? = nil, scale: Float? = nil, softCap: Float? = nil
    ) {
        self.heads = heads
        self.kvHeads = kvHeads
        self.headSize = headSize
        self.mask = mask
        self.inputBias = inputBias
        self.outputBias = outputBias
        self.queryKeyNorm = queryKeyNorm
        self.scale = scale
        self.softCap = softCap
    }

    /// Positions a query sees, its own included, where they are limited.
    public var window: Int? {
        if case .window(let positions) = mask { positions } else { nil }
    }
}

/// The feed-forward network of a block: one or two projections C → F and one F → C.
public struct FeedForwardDescription: Sendable, Equatable {
    /// What the inner values, or the gate's, go through.
    public enum Activation: String, Sendable, CaseIterable {
        /// x · σ(x) (Elfwing et al. 2018).
        case silu
        /// GELU in its form with tanh (Hendrycks & Gimpel 2016).
        case geluTanh
        /// GELU by the normal distribution (Hendrycks & Gimpel 2016).
        case geluErf
        /// max(x, 0)
        case relu
    }

    /// With or without a gate.
    public enum Kind: String, Sendable {
        /// down(activation(up x))
        case plain
        /// down(activation(gate x) · up x) (SwiGLU and kin, Shazeer 2020)
        case gated
    }

    /// F
    public var width: Int
    /// With or without a gate.
    public var kind: Kind
    /// What the inner values, or the gate's, go through.
    public var activation: Activation
    /// Biases of all projections.
    public var bias: Bool

    /// SwiGLU without biases, unless said otherwise.
    public init(width: Int, kind: Kind = .gated, activation: Activation = .silu, bias: Bool = false) {
        self.width = width
        self.kind = kind
        self.activation = activation
        self.bias = bias
    }
}
