import ApusBase

/// How the next token is chosen from the logits.
///
/// The chain, in this order (llama.cpp's, with the penalties before the bias):
/// repetition, presence and frequency penalties → `logitBias` → `topK` → `typicalP` → `topP` → `minP` → `temperature`
/// → draw.
/// So the filters see the model's own distribution, and the temperature only reshapes what they left.
/// The defaults change nothing: a draw from the model's distribution.
public struct SamplingParameters: Sendable, Equatable {
    /// Divides the logits; 0 takes the greatest (the lowest id among equals), whatever the filters say. 0 … 100.
    public var temperature: Float
    /// Keeps the `topK` greatest logits; 0 keeps all.
    public var topK: Int
    /// Keeps the fewest, most probable tokens whose probabilities reach `topP` (Holtzman et al. 2020); at least one.
    /// 0 … 1, 1 keeps all.
    public var topP: Float
    /// Keeps tokens at least `minP` times as probable as the most probable (Nguyen et al. 2024). 0 … 1, 0 keeps all.
    public var minP: Float
    /// Keeps the fewest tokens whose information is nearest the distribution's entropy and whose probabilities reach
    /// `typicalP` (Meister et al. 2023); at least one. 0 … 1, 1 keeps all.
    public var typicalP: Float
    /// Divides the positive and multiplies the negative logits of tokens among the last `penaltyWindow` of prompt and
    /// answer (Keskar et al. 2019). Above 0, at most 100; 1 changes nothing.
    public var repetitionPenalty: Float
    /// Subtracted once from the logits of every token generated so far, as OpenAI defines it; the prompt does not
    /// count. -2 … 2.
    public var presencePenalty: Float
    /// Subtracted from the logits of generated tokens as often as each occurred, as OpenAI defines it; the prompt does not
    /// count. -2 … 2.
    public var frequencyPenalty: Float
    /// How many of the last tokens `repetitionPenalty` looks at; -1 for all, 0 for none.
    public var penaltyWindow: Int
    /// Added to the logits of single tokens, after the penalties; minus infinity forbids a token.
    public var logitBias: [Int32: Float]
    /// The draw of step n of sequence s depends only on (seed, s, n) and on the logits.
    public var seed: UInt64

    /// Values are taken as they are; `validate` checks their ranges.
    public init(
        temperature: Float = 1, topK: Int = 0, topP: Float = 1, minP: Float = 0, typicalP: Float = 1,
        repetitionPenalty: Float = 1, presencePenalty: Float = 0, frequencyPenalty: Float = 0, penaltyWindow: Int = 64,
        logitBias: [Int32: Float] = [:], seed: UInt64 = 0
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.typicalP = typicalP
        self.repetitionPenalty = repetitionPenalty
        self.presencePenalty = presencePenalty
        self.frequencyPenalty = frequencyPenalty
        self.penaltyWindow = penaltyWindow
        self.logitBias = logitBias
        self.seed = seed
    }

    /// Always the most probable token.
    public static let greedy = SamplingParameters(temperature: 0)

    /// Whether the most probable token is always taken.
    public var isGreedy: Bool { temperature == 0 || topK == 1 }

    /// - Throws: an `InputError` that names the first parameter out of its range.
    public func validate() throws(InputError) {
        try check("temperature", temperature, within: 0...100)
        try check("top-p", topP, within: 0...1)
        try check("min-p", minP, within: 0...1)
        try check("typical-p", typicalP, within: 0...1)
        try check("repetition-penalty", repetitionPenalty, within: Float.leastNormalMagnitude...100, ", above 0")
        try check("presence-penalty", presencePenalty, within: -2...2)
        try check("frequency-penalty", frequencyPenalty, within: -2...2)
        guard topK >= 0 else {
            throw InputError("top-k", "must be at least 0, not \(topK)", remedy: "give 0 to consider all tokens")
        }
        guard penaltyWindow >= -1 else {
            throw InputError(
                "penalty-window", "must be at least -1, not \(penaltyWindow)", remedy: "give -1 to look at all tokens")
        }
        for (token, bias) in logitBias where bias.isNaN || bias == .infinity {
            throw InputError("logit-bias", at: "token \(token)", "must be a number below infinity, not \(bias)")
        }
    }

    private func check(
        _ name: String, _ value: Float, within range: ClosedRange<Float>, _ note: String = ""
    ) throws(InputError) {
        guard !range.contains(value) else { return }
        let least = range.lowerBound == Float.leastNormalMagnitude ? "0" : "\(Int(range.lowerBound))"
        throw InputError(name, "must be a number from \(least) to \(Int(range.upperBound))\(note), not \(value)")
    }
}
