import ApusBase
import ApusInference
import ArgumentParser

/// How tokens are chosen.
struct SamplingOptions: ParsableArguments {
    @Option(name: .long, help: "Most tokens to generate.") var maxTokens = 128
    @Option(name: .long, help: "0 always takes the likeliest token.") var temperature: Float = 0
    @Option(name: .long, help: "Keep the K likeliest tokens; 0 keeps all.") var topK = 0
    @Option(name: .long, help: "Keep the likeliest tokens of this total probability.") var topP: Float = 1
    @Option(name: .long, help: "Keep tokens at least this fraction as likely as the likeliest.") var minP: Float = 0
    @Option(name: .long, help: "Locally typical sampling; 1 is off.") var typicalP: Float = 1
    @Option(name: .long, help: "Divides the logits of recent tokens; 1 is off.") var repetitionPenalty: Float = 1
    @Option(name: .long, help: "Subtracted from the logits of generated tokens.") var presencePenalty: Float = 0
    @Option(name: .long, help: "Subtracted from the logits of generated tokens, for each time.") var frequencyPenalty: Float = 0
    @Option(name: .long, help: "The same seed gives the same text.") var seed: UInt64 = 0
    @Option(name: .long, help: "A string that ends the text; may be given more than once.") var stop: [String] = []
    @Option(name: .long, help: "ID=VALUE is added to a token's logit; may be given more than once.") var logitBias: [String] = []

    func parameters() throws -> SamplingParameters {
        var biases: [Int32: Float] = [:]
        for bias in logitBias {
            let parts = bias.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let id = Int32(parts[0]), let value = Float(parts[1]) else {
                throw InputError("--logit-bias", "\"\(bias)\" is not ID=VALUE")
            }
            biases[id] = value
        }
        guard maxTokens >= 0 else { throw InputError("--max-tokens", "\(maxTokens) is negative") }
        let parameters = SamplingParameters(
            temperature: temperature, topK: topK, topP: topP, minP: minP, typicalP: typicalP, repetitionPenalty: repetitionPenalty,
            presencePenalty: presencePenalty, frequencyPenalty: frequencyPenalty, logitBias: biases, seed: seed)
        try parameters.validate()
        return parameters
    }
}
