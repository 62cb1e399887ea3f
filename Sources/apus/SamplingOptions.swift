import ApusBase
import ApusInference
import ArgumentParser

/// How tokens are chosen.
struct SamplingOptions: ParsableArguments {
    @Option(name: .long, help: "Most tokens of an answer; 128 for generate, to the end of the context for chat.") var maxTokens: Int?
    @Option(name: .long, parsing: .unconditional, help: "0 always takes the likeliest token.") var temperature: Float = 0
    @Option(name: .long, parsing: .unconditional, help: "Keep the K likeliest tokens; 0 keeps all.") var topK = 0
    @Option(name: .long, parsing: .unconditional, help: "Keep the likeliest tokens of this total probability.") var topP: Float = 1
    @Option(name: .long, parsing: .unconditional, help: "Keep tokens at least this fraction as likely as the likeliest.") var minP: Float = 0
    @Option(name: .long, parsing: .unconditional, help: "Locally typical sampling; 1 is off.") var typicalP: Float = 1
    @Option(name: .long, parsing: .unconditional, help: "Divides the logits of the last 64 tokens; 1 is off.") var repetitionPenalty: Float = 1
    @Option(name: .long, parsing: .unconditional, help: "Subtracted from the logits of generated tokens.") var presencePenalty: Float = 0
    @Option(name: .long, parsing: .unconditional, help: "Subtracted from the logits of generated tokens, for each time.") var frequencyPenalty: Float = 0
    @Option(name: .long, help: "The same seed gives the same text.") var seed: UInt64 = 0
    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: "Strings that end the text; one that begins with a dash comes first or is given as --stop=-a.")
    var stop: [String] = []
    @Option(name: .long, parsing: .unconditionalSingleValue, help: "ID=VALUE is added to a token's logit; may be given more than once.") var logitBias:
        [String] = []

    @Option(name: .long, help: "Tokens there is room for.") var context: Int?

    /// Tokens that positions are counted for; far beyond what any model was made for.
    static let positionLimit = 1 << 24

    func validate() throws {
        do {
            try parameters().validate()
            _ = try StopMatcher(stop)
        } catch {
            throw ValidationError("--\(error)")
        }
        if let maxTokens, !(0...Self.positionLimit).contains(maxTokens) {
            throw ValidationError("--max-tokens: \(maxTokens) is not from 0 to \(Self.positionLimit)")
        }
        if let context, !(1...Self.positionLimit).contains(context) {
            throw ValidationError("--context: \(context) is not from 1 to \(Self.positionLimit)")
        }
    }

    func parameters() throws(InputError) -> SamplingParameters {
        var biases: [Int32: Float] = [:]
        for bias in logitBias {
            let parts = bias.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let id = Int32(parts[0]), let value = Float(parts[1]) else {
                throw InputError("logit-bias", "\"\(bias)\" is not ID=VALUE", remedy: "for example 42=-1.5, or 42=-inf to forbid the token")
            }
            biases[id] = value
        }
        return SamplingParameters(
            temperature: temperature, topK: topK, topP: topP, minP: minP, typicalP: typicalP, repetitionPenalty: repetitionPenalty,
            presencePenalty: presencePenalty, frequencyPenalty: frequencyPenalty, logitBias: biases, seed: seed)
    }
}
