import ApusBase
import Glibc

/// Chooses the tokens of one sequence, one step after another, as `SamplingParameters` describe.
///
/// The draw of a step depends only on the seed, the sequence's number, the step's number and the logits; so the other
/// sequences of a batch do not change it. Scratch memory is 16 bytes a token of the vocabulary at most and is reused.
public struct Sampler: Sendable {
    /// The chain that every step goes through.
    public let parameters: SamplingParameters
    /// V: how many logits a step takes.
    public let vocabularySize: Int
    /// Tokens chosen so far.
    public private(set) var step: UInt64 = 0

    private let sequence: UInt32
    private let biases: [(token: Int32, bias: Float)]
    private var history: TokenHistory
    private var candidates = CandidateSet()
    private var maxima: [Float]
    private var changed: [(token: Int, logit: Float)] = []

    /// A sampler before its first step.
    /// - Parameters:
    ///   - parameters: the chain that every step goes through.
    ///   - vocabularySize: V: how many logits a step takes.
    ///   - prompt: the tokens before the first step, which the repetition penalty counts.
    ///   - sequence: which of several answers to the same request this is: each draws its own numbers.
    /// - Throws: an `InputError` when a parameter is out of range, or a bias or prompt token is not in the vocabulary.
    public init(
        _ parameters: SamplingParameters, vocabularySize: Int, prompt: [Int32] = [], sequence: UInt32 = 0
    ) throws(InputError) {
        try parameters.validate()
        guard vocabularySize > 0, vocabularySize <= Int(Int32.max) else {
            throw InputError("vocabulary", "must have 1 to \(Int32.max) tokens, not \(vocabularySize)")
        }
        self.parameters = parameters
        self.vocabularySize = vocabularySize
        self.sequence = sequence
        biases = parameters.logitBias.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        history = TokenHistory(window: parameters.repetitionPenalty == 1 ? 0 : parameters.penaltyWindow)
        maxima = [Float](repeating: 0, count: (vocabularySize + LogitMath.blockSize - 1) / LogitMath.blockSize)
        for (token, _) in biases { try check(token, of: "logit-bias") }
        try append(prompt: prompt)
    }

    /// Adds tokens that were given rather than chosen, as the next turn of a conversation.
    public mutating func append(prompt: [Int32]) throws(InputError) {
        for token in prompt {
            try check(token, of: "prompt")
            history.append(token, generated: false)
        }
    }

    /// Chooses the token that follows, and counts it as generated.
    ///
    /// - Parameter logits: one for each token of the vocabulary. They are changed during the call and are as they were after it.
    /// - Throws: an `InputError` when a logit is NaN or plus infinity, or when all are minus infinity.
    public mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) throws(InputError) -> Int32 {
        guard logits.count == vocabularySize else {
            throw InputError("logits", "must be one for each of \(vocabularySize) tokens, not \(logits.count)")
        }
        adjust(logits)
        defer { restore(logits) }
        let greatest = try scan(logits)
        let token = parameters.isGreedy ? first(equalTo: greatest, in: logits) : draw(logits, greatest: greatest)
        history.append(token, generated: true)
        step += 1
        return token
    }

    /// The natural logarithm of the probability that the model itself gives `token`: without penalties, bias, filters or
    /// temperature. Minus infinity for a forbidden token.
    public static func logProbability(of token: Int32, in logits: UnsafeBufferPointer<Float>) -> Float {
        logits[Int(token)] - LogitMath.logSumExp(logits)
    }

    private func check(_ token: Int32, of subject: String) throws(InputError) {
        guard token >= 0, Int(token) < vocabularySize else {
            throw InputError(subject, at: "token \(token)", "the vocabulary has tokens 0 to \(vocabularySize - 1)")
        }
    }

    // MARK: - Penalties and bias

    /// Applies penalties and biases to the few logits they concern, and remembers those.
    private mutating func adjust(_ logits: UnsafeMutableBufferPointer<Float>) {
        changed.removeAll(keepingCapacity: true)
        let (repetition, presence) = (parameters.repetitionPenalty, parameters.presencePenalty)
        let frequency = parameters.frequencyPenalty
        if repetition != 1 {
            for token in history.countsInWindow.keys {
                change(Int(token), logits) { $0 > 0 ? $0 / repetition : $0 * repetition }
            }
        }
        if presence != 0 || frequency != 0 {
            for (token, count) in history.countsGenerated {
                change(Int(token), logits) { $0 - (presence + Float(count) * frequency) }
            }
        }
        for (token, bias) in biases { change(Int(token), logits) { $0 + bias } }
    }

    private mutating func change(
        _ token: Int, _ logits: UnsafeMutableBufferPointer<Float>, _ body: (Float) -> Float
    ) {
        changed.append((token, logits[token]))
        logits[token] = body(logits[token])
    }

    /// Backwards, since a token may have changed twice.
    private func restore(_ logits: UnsafeMutableBufferPointer<Float>) {
        for (token, logit) in changed.reversed() { logits[token] = logit }
    }

    // MARK: - The choice

    private mutating func scan(_ logits: UnsafeMutableBufferPointer<Float>) throws(InputError) -> Float {
        var failure: InputError?
        let greatest = maxima.withUnsafeMutableBufferPointer { maxima -> Float in
            do throws(InputError) { return try LogitMath.maxima(of: logits, into: maxima) } catch { failure = error }
            return 0
        }
        if let failure { throw failure }
        return greatest
    }

    /// The lowest id whose logit is `greatest`.
    private func first(equalTo greatest: Float, in logits: UnsafeMutableBufferPointer<Float>) -> Int32 {
        var id = maxima.firstIndex(of: greatest)! * LogitMath.blockSize
        while logits[id] != greatest { id += 1 }
        return Int32(truncatingIfNeeded: id)
    }

    private mutating func draw(_ logits: UnsafeMutableBufferPointer<Float>, greatest: Float) -> Int32 {
        candidates.filter(logits, maxima: maxima, greatest: greatest, parameters)
        let point = Philox.uniform(seed: parameters.seed, sequence: sequence, step: step)
        return candidates.draw(at: point, temperature: parameters.temperature)
    }
}
