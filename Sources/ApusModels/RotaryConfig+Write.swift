import ApusBase
import ApusDescription
import ApusLayers

extension RotaryConfig {
    /// `rope_theta` and `rope_scaling` of config.json, which every version of transformers reads.
    static func write(_ description: DecoderDescription, to config: inout JSONObject, subject: String) throws(InputError) {
        guard case .rotary(let rotary) = description.position else { return }
        config["rope_theta"] = .number(rotary.base)
        let scaling: JSONObject
        switch rotary.scaling {
        case .none: return
        case .linear(let factor): scaling = ["rope_type": .string("linear"), "factor": .number(factor)]
        case .dynamicNTK(let factor, let original):
            guard original == description.contextLength else {
                throw InputError(
                    subject, "its rotary base grows from \(original) positions on, and config.json can only say so of its context",
                    remedy: "give it a context of \(original), not of \(description.contextLength)")
            }
            scaling = ["rope_type": .string("dynamic"), "factor": .number(factor)]
        case .yarn(let yarn):
            scaling = [
                "rope_type": .string("yarn"), "factor": .number(yarn.factor), "original_max_position_embeddings": .integer(yarn.originalContext),
                "beta_fast": .number(yarn.betaFast), "beta_slow": .number(yarn.betaSlow), "attention_factor": .number(yarn.attentionFactor),
                "truncate": .bool(yarn.truncates),
            ]
        case .llama3(let factor, let low, let high, let original): scaling = llama3(factor, low, high, original)
        case .divisors(let divisors):
            if divisors.allSatisfy({ $0 == 1 }) { return }
            guard let (factor, original) = llama3Settings(divisors, of: rotary) else {
                throw InputError(
                    subject, at: "tensor rope_freqs.weight", "its divisors are not those of LLaMA 3's scaling, so config.json has no words for them",
                    remedy: "convert to a .gguf file")
            }
            scaling = llama3(factor, 1, 4, original)
        }
        config["rope_scaling"] = .object(scaling)
    }

    private static func llama3(_ factor: Double, _ low: Double, _ high: Double, _ original: Int) -> JSONObject {
        [
            "rope_type": .string("llama3"), "factor": .number(factor), "low_freq_factor": .number(low), "high_freq_factor": .number(high),
            "original_max_position_embeddings": .integer(original),
        ]
    }

    /// The factor and the original context, a power of two, that give these divisors with the low and high factors 1 and 4 of all
    /// published LLaMA 3 models.
    private static func llama3Settings(_ divisors: [Float], of rotary: RotaryDescription) -> (factor: Double, originalContext: Int)? {
        let factor = Double(divisors.max() ?? 1)
        for original in (4...24).map({ 1 << $0 }) {
            var candidate = rotary
            candidate.scaling = .llama3(factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: original)
            if zip(RotaryTable.divisors(of: candidate), divisors).allSatisfy({ abs($0 - $1) <= 1e-4 * $1 }) { return (factor, original) }
        }
        return nil
    }

    /// The part of a head that turns, such that the head's size times it is not less than what turns.
    static func fraction(_ rotary: RotaryDescription, headSize: Int) -> Double {
        let fraction = Double(rotary.dimensions) / Double(headSize)
        return Double(headSize) * fraction < Double(rotary.dimensions) ? fraction.nextUp : fraction
    }
}
