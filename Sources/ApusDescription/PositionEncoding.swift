import Glibc

/// How a decoder, or one of its layers, knows where a token stands.
public enum PositionEncoding: Sendable, Equatable {
    /// Not at all.
    case none
    /// A row of a table, `offset` after the position's, added to the embedding.
    case learned(offset: Int)
    /// Sines and cosines of the position plus `offset`, added to the embedding (Vaswani et al. 2017; XGLM).
    case sinusoidal(offset: Int)
    /// Queries and keys turn (Su et al. 2021).
    case rotary(RotaryDescription)
    /// Either half of each head turns by a channel of its own: the place in the text, and the place within what fills the blank
    /// (ChatGLM-6B). The description is that of a half.
    case rotary2D(RotaryDescription)
    /// Scores fall with the distance, faster or slower by the head (Press et al. 2022).
    case alibi(ALiBiStyle)
    /// A number of each head for the distance is added to scores; all layers share the numbers of the first (T5).
    case relative(RelativePosition)
}

/// How the products of slope and distance enter the scores.
public enum ALiBiStyle: String, Sendable, Equatable {
    /// Added to the scaled scores (BLOOM).
    case afterScaling
    /// Slope × position, rounded to bf16, is added before the scores are scaled (Falcon).
    case beforeScalingInBF16
}

extension ALiBiStyle {
    /// The slopes of the heads: 2^(-8 i / n) for a power of two of heads, otherwise those of the power of two below, then every other
    /// one of the power above.
    public func slopes(heads: Int) -> [Float] {
        var power = 1
        while power * 2 <= heads { power *= 2 }
        func slope(_ i: Int, of n: Int) -> Float { Float(exp2(-8 * Double(i) / Double(n))) }
        let slopes = (1...power).map { slope($0, of: power) } + (0..<heads - power).map { slope(2 * $0 + 1, of: 2 * power) }
        guard self == .beforeScalingInBF16 else { return slopes }
        return slopes.map { slope in
            let bits = slope.bitPattern
            return Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
        }
    }
}
