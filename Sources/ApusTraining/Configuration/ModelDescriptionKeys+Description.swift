import ApusDescription
import Glibc

extension ModelDescriptionKeys {
    /// What does not fit together, by the key that could be changed; nil when all does.
    var contradiction: (key: String, rule: String)? {
        if headSize == nil, width % heads != 0 { return ("heads", "the width \(width) is not a multiple of \(heads) heads, and no head_size is given") }
        if let keyValueHeads, heads % keyValueHeads != 0 { return ("key_value_heads", "\(heads) heads cannot share \(keyValueHeads) heads of keys and values") }
        if position == .rotary || position == .rotary_2d {
            if rotaryDimensions < 2 || rotaryDimensions % 2 != 0 {
                return ("rotary_fraction", "\(rotaryDimensions) elements of a head would turn, which must be an even number of at least 2")
            }
        }
        if positionOffset > 0, position != .learned, position != .sinusoidal {
            return ("position_offset", "\(position.rawValue) positions have no rows that could stand before the first")
        }
        if window != nil, mask != .causal { return ("window", "a window stands against the mask \(mask.rawValue)") }
        if topology != .sequential, normPlacement != .pre {
            return ("norm_placement", "parallel blocks have their norms before the sublayers, not \(normPlacement.rawValue)")
        }
        return nil
    }

    private var size: Int { headSize ?? width / heads }

    /// Elements of a head, or of half a head with two channels, that turn.
    private var rotaryDimensions: Int {
        Int((Double(position == .rotary_2d ? size / 2 : size) * rotaryFraction).rounded())
    }

    /// The description that the keys stand for; there must be no contradiction among them.
    package var description: DecoderDescription {
        let kind = norm == .rms ? NormKind.rms(epsilon: Float(normEpsilon)) : .layer(epsilon: Float(normEpsilon))
        let attention = AttentionDescription(
            heads: heads, kvHeads: keyValueHeads ?? heads, headSize: size, mask: attentionMask, inputBias: attentionInputBias,
            outputBias: attentionOutputBias, queryKeyNorm: queryKeyNorm ? kind : nil)
        let inner = feedForwardWidth ?? (gated ? (width * 8 / 3 + 31) / 32 * 32 : 4 * width)
        let feedForward = FeedForwardDescription(width: inner, kind: gated ? .gated : .plain, activation: activationKind, bias: feedForwardBias)
        let layer = LayerDescription(attention: attention, feedForward: feedForward, topology: blockTopology)
        return DecoderDescription(
            architecture: architecture, vocabularySize: vocabularySize, width: width, contextLength: contextLength, norm: kind,
            finalNorm: normPlacement != .post && normPlacement != .deep_norm, position: positionEncoding,
            embedding: EmbeddingDescription(scale: scaleEmbedding ? Float(width).squareRoot() : 1, norm: embeddingNorm),
            layers: Array(repeating: layer, count: layers), head: HeadDescription(tied: tied, bias: headBias))
    }

    private var attentionMask: AttentionMask {
        switch mask {
        case .causal: window.map { .window($0) } ?? .causal
        case .prefix: .prefix
        case .full: .full
        }
    }

    private var activationKind: FeedForwardDescription.Activation {
        switch activation {
        case .silu: .silu
        case .gelu: .geluErf
        case .gelu_tanh: .geluTanh
        case .relu: .relu
        }
    }

    /// The residual scale of DeepNorm and of the normed residual is √(2L), as GLM-130B and ChatGLM-6B have it.
    private var blockTopology: BlockTopology {
        switch topology {
        case .parallel: return .parallel(norms: .one)
        case .parallel_two_norms: return .parallel(norms: .two)
        case .sequential: break
        }
        let scale = Float(2 * layers).squareRoot()
        return switch normPlacement {
        case .pre: .sequential(.pre)
        case .post: .sequential(.post)
        case .sandwich: .sequential(.sandwich)
        case .deep_norm: .sequential(.deepNorm(scale: scale))
        case .normed_residual: .sequential(.normedResidual(scale: scale))
        }
    }

    private var positionEncoding: PositionEncoding {
        let rotary = RotaryDescription(
            style: rotaryStyle == .half_split ? .halfSplit : .interleaved, base: rotaryBase, dimensions: max(rotaryDimensions, 2))
        return switch position {
        case .rotary: .rotary(rotary)
        case .rotary_2d: .rotary2D(rotary)
        case .learned: .learned(offset: positionOffset)
        case .sinusoidal: .sinusoidal(offset: positionOffset)
        case .alibi: .alibi(.afterScaling)
        case .none: .none
        }
    }
}
