/// Rotary position embedding (Su et al. 2021) and how it is stretched beyond the training context.
public struct RotaryDescription: Sendable, Equatable {
    /// How the elements of a head pair up.
    public enum Style: String, Sendable {
        /// Element i with i + D/2 (Hugging Face's LLaMA).
        case halfSplit
        /// Element 2i with 2i + 1 (Meta's files).
        case interleaved
    }

    /// How frequencies change so that a model reaches beyond the context it was trained on.
    public enum Scaling: Sendable, Equatable {
        /// Frequencies as trained.
        case none
        /// Positions divided by the factor (Chen et al. 2023).
        case linear(factor: Double)
        /// The base grows with the sequence once it is longer than `originalContext`.
        case dynamicNTK(factor: Double, originalContext: Int)
        /// Each frequency by how often it turns within the training context.
        case yarn(YaRN)
        /// LLaMA 3.1: low frequencies divided by the factor, high ones kept, a ramp between.
        case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Int)
        /// Each frequency divided by its own number, as GGUF stores LLaMA 3's scaling; `headSize / 2` numbers.
        case divisors([Float])
    }

    /// YaRN (Peng et al. 2023): frequencies between two bounds go from interpolated to kept.
    public struct YaRN: Sendable, Equatable {
        /// How many times longer the context becomes.
        public var factor: Double
        /// Positions of the training context.
        public var originalContext: Int
        /// Frequencies that turn more often than so within the training context are kept.
        public var betaFast: Double
        /// Those that turn less often than so are divided by the factor.
        public var betaSlow: Double
        /// Factor of cosines and sines.
        public var attentionFactor: Double
        /// Bounds rounded outwards to whole dimensions.
        public var truncates: Bool

        /// The paper's bounds, 32 and 1 turns, unless said otherwise.
        public init(
            factor: Double, originalContext: Int, betaFast: Double = 32, betaSlow: Double = 1, attentionFactor: Double,
            truncates: Bool = true
        ) {
            self.factor = factor
            self.originalContext = originalContext
            self.betaFast = betaFast
            self.betaSlow = betaSlow
            self.attentionFactor = attentionFactor
            self.truncates = truncates
        }
    }

    /// Which elements of a head make a pair.
    public var style: Style
    /// Pair i turns by base^(−2i / `dimensions`) radians a position.
    public var base: Double
    /// What is done to the frequencies.
    public var scaling: Scaling
    /// Elements of a head that turn, an even number; the others pass.
    public var dimensions: Int
    /// Frequencies rounded to f16, as ChatGLM-6B keeps them.
    public var roundsFrequencies: Bool

    /// LLaMA's embedding, without scaling, unless said otherwise.
    public init(
        style: Style = .halfSplit, base: Double = 10000, scaling: Scaling = .none, dimensions: Int, roundsFrequencies: Bool = false
    ) {
        self.style = style
        self.base = base
        self.scaling = scaling
        self.dimensions = dimensions
        self.roundsFrequencies = roundsFrequencies
    }
}
