import ApusBase
import ApusDescription
import Glibc

extension GGUFReader {
    /// The `rope.*` keys and the divisors of frequencies.
    mutating func rotary(_ style: RotaryDescription.Style, headSize: Int, context: Int) throws(InputError) -> RotaryDescription {
        let base = try frequencyBase("rope.freq_base") ?? 10000
        let dimensions = try int("rope.dimension_count") ?? headSize
        guard dimensions >= 2, dimensions <= headSize, dimensions % 2 == 0 else {
            throw error("rope.dimension_count", "\(dimensions) of \(headSize) elements are no pairs")
        }
        return RotaryDescription(
            style: style, base: base, scaling: try scaling(pairs: dimensions / 2, context: context), dimensions: dimensions)
    }

    mutating func frequencyBase(_ name: String) throws(InputError) -> Double? {
        guard let base = try double(name) else { return nil }
        guard base > 0, base.isFinite else { throw error(name, "\(base) is not above 0") }
        return base
    }

    private mutating func scaling(pairs: Int, context: Int) throws(InputError) -> RotaryDescription.Scaling {
        ignore("rope.scaling.finetuned")
        let older = try double("rope.scale_linear"), prefix = "rope.scaling."
        let factor = try double(prefix + "factor") ?? older ?? 1
        guard factor > 0, factor.isFinite else { throw error(prefix + "factor", "\(factor) is not above 0") }
        let original = try int(prefix + "original_context_length") ?? context
        let kind = try string(prefix + "type"), attention = try double(prefix + "attn_factor") ?? 1
        let fast = try double(prefix + "yarn_beta_fast") ?? 32, slow = try double(prefix + "yarn_beta_slow") ?? 1
        if let rotaryDivisors = divisors() {
            guard rotaryDivisors.count == pairs else { throw error(tensor: "rope_freqs.weight", "\(pairs) numbers are needed") }
            return .divisors(rotaryDivisors)
        }
        switch kind {
        case nil, "none"?: return factor == 1 ? .none : .linear(factor: factor)
        case "linear"?: return .linear(factor: factor)
        case "yarn"?:
            return .yarn(
                RotaryDescription.YaRN(
                    factor: factor, originalContext: original, betaFast: fast, betaSlow: slow, attentionFactor: attention * (0.1 * log(factor) + 1)))
        case let other?: throw error(prefix + "type", "\(other) is not known", remedy: "none, linear and yarn are")
        }
    }
}
