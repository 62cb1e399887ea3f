/// A transformer as data: what every family's config is turned into, and all that the model code looks at. It is a decoder, or without
/// a head an encoder.
public struct DecoderDescription: Sendable, Equatable {
    /// The family's name as its files give it, e.g. "llama".
    public var architecture: String
    /// V
    public var vocabularySize: Int
    /// C
    public var width: Int
    /// Positions the model was made for.
    public var contextLength: Int
    /// Of the blocks, the final norm and the norm of the embedding.
    public var norm: NormKind
    /// Whether a norm stands before the head; models whose blocks end with one have none.
    public var finalNorm: Bool
    /// How the model learns where tokens stand.
    public var position: PositionEncoding
    /// From ids to the first residual.
    public var embedding: EmbeddingDescription
    /// The blocks, from the embedding to the output.
    public var layers: [LayerDescription]
    /// From the last residual to logits; nil: an encoder, whose last residual is what is wanted.
    public var head: HeadDescription?
    /// What an encoder's files predict hidden tokens with (BERT); nil: they hold no such head.
    public var maskedHead: HeadDescription?
    /// What the decoder attends to besides its own tokens; nil: nothing.
    public var encoder: EncoderDescription?
    /// The tokens around a blank of the models that see their context in both directions; nil: the model knows no blanks.
    public var infilling: InfillingTokens?

    /// A description from its parts; that they fit each other is for whoever reads them from a file to see to.
    public init(
        architecture: String, vocabularySize: Int, width: Int, contextLength: Int, norm: NormKind, finalNorm: Bool = true,
        position: PositionEncoding, embedding: EmbeddingDescription = EmbeddingDescription(), layers: [LayerDescription],
        head: HeadDescription?, maskedHead: HeadDescription? = nil, encoder: EncoderDescription? = nil, infilling: InfillingTokens? = nil
    ) {
        self.architecture = architecture
        self.vocabularySize = vocabularySize
        self.width = width
        self.contextLength = contextLength
        self.norm = norm
        self.finalNorm = finalNorm
        self.position = position
        self.embedding = embedding
        self.layers = layers
        self.head = head
        self.maskedHead = maskedHead
        self.encoder = encoder
        self.infilling = infilling
    }

    /// How a layer knows positions.
    public func position(of layer: LayerDescription) -> PositionEncoding { layer.position ?? position }

    /// Positions beyond which the model cannot go at all: those of a learned table.
    public var positionLimit: Int? {
        if case .learned = position { contextLength } else { nil }
    }
}

/// From ids to the first residual.
public struct EmbeddingDescription: Sendable, Equatable {
    /// Width of the embedding's rows where it is not the model's: they are projected to it, and from it before the head.
    public var width: Int?
    /// Factor of the rows (Gemma: √C).
    public var scale: Float
    /// A norm after the embedding (BLOOM, BERT).
    public var norm: Bool
    /// Types of text that a token may be part of, a row added for each (BERT's first and second sentence); 0: none. A text on its own
    /// is of the first type.
    public var tokenTypes: Int

    /// The rows as they are, unless said otherwise.
    public init(width: Int? = nil, scale: Float = 1, norm: Bool = false, tokenTypes: Int = 0) {
        self.width = width
        self.scale = scale
        self.norm = norm
        self.tokenTypes = tokenTypes
    }
}

/// From the last residual to logits.
public struct HeadDescription: Sendable, Equatable {
    /// The output projection is the embedding's matrix.
    public var tied: Bool
    /// Whether logits have a bias each.
    public var bias: Bool
    /// c: logits become c · tanh(logit / c) (Gemma 2).
    public var softCap: Float?
    /// Factor of the residuals that the output projection is given (T5 with a tied head: 1/√C).
    public var scale: Float
    /// The residuals go through norm(activation(W x + b)) first: the activation (BERT); nil: they do not.
    public var transform: FeedForwardDescription.Activation?

    /// The bare product, unless said otherwise.
    public init(
        tied: Bool, bias: Bool = false, softCap: Float? = nil, scale: Float = 1, transform: FeedForwardDescription.Activation? = nil
    ) {
        self.tied = tied
        self.bias = bias
        self.softCap = softCap
        self.scale = scale
        self.transform = transform
    }
}

/// The tokens that part a text with a blank from what fills it (GLM, Du et al. 2022).
public struct InfillingTokens: Sendable, Equatable {
    /// Stands before what fills the blank; all before it sees itself in both directions.
    public var start: Int
    /// The blank: the first of these that the text holds.
    public var masks: [Int]

    /// The ids as the model's tokenizer has them.
    public init(start: Int, masks: [Int]) {
        self.start = start
        self.masks = masks
    }
}
