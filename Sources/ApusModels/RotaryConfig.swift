import ApusBase
import ApusDescription
import Glibc

/// Rotary settings of config.json in both spellings: `rope_parameters`, or `rope_theta` beside `rope_scaling`.
enum RotaryConfig {
    /// - Parameters:
    ///   - base: where the configuration states none.
    ///   - fraction: the part of a head that turns where the configuration states none.
    static func read(
        _ config: inout ConfigReader, headSize: Int, context: Int, base: Double = 10000, fraction: Double = 1
    ) throws(InputError) -> RotaryDescription {
        let old = try config.double("rope_theta")
        let nested = try config.section("rope_parameters")
        let scaling = try config.section("rope_scaling")
        var section = nested ?? scaling ?? ConfigReader(path: config.path, JSONObject())
        return try read(section: &section, headSize: headSize, context: context, base: old ?? base, fraction: fraction)
    }

    /// The same of a section of its own.
    static func read(
        section: inout ConfigReader, headSize: Int, context: Int, base: Double, fraction: Double
    ) throws(InputError) -> RotaryDescription {
        let base = try section.double("rope_theta") ?? base
        let dimensions = try partial(&section, headSize, fraction)
        let older = try section.string("type")
        let kind = try section.string("rope_type") ?? older ?? "default"
        let read = try self.scaling(&section, kind: kind, context: context)
        if let key = section.unusedKeys.first {
            throw section.error(key, "is not understood for the rotary type \(kind)", remedy: "remove it if it changes nothing")
        }
        return RotaryDescription(base: base, scaling: read, dimensions: dimensions)
    }

    private static func partial(_ section: inout ConfigReader, _ headSize: Int, _ fraction: Double) throws(InputError) -> Int {
        let fraction = try section.double("partial_rotary_factor") ?? fraction
        let dimensions = Int(Double(headSize) * fraction)
        guard fraction > 0, fraction <= 1, dimensions >= 2, dimensions % 2 == 0 else {
            throw section.error("partial_rotary_factor", "\(fraction) of \(headSize) elements are no pairs")
        }
        return dimensions
    }

    private static func scaling(_ section: inout ConfigReader, kind: String, context: Int) throws(InputError) -> RotaryDescription.Scaling {
        func factor() throws(InputError) -> Double {
            let factor = try section.required(section.double("factor"), "factor")
            guard factor >= 1 else { throw section.error("factor", "\(factor) is below 1") }
            return factor
        }
        switch kind {
        case "default": return .none
        case "linear": return .linear(factor: try factor())
        case "dynamic":
            return .dynamicNTK(factor: try factor(), originalContext: try section.int("original_max_position_embeddings") ?? context)
        case "llama3":
            return .llama3(
                factor: try factor(),
                lowFrequencyFactor: try section.required(section.double("low_freq_factor"), "low_freq_factor"),
                highFrequencyFactor: try section.required(section.double("high_freq_factor"), "high_freq_factor"),
                originalContext: try section.required(
                    section.int("original_max_position_embeddings"), "original_max_position_embeddings"))
        case "yarn":
            let factor = try factor()
            let mscale = try section.double("mscale"), all = try section.double("mscale_all_dim")
            func attention(_ m: Double) -> Double { factor <= 1 ? 1 : 0.1 * m * log(factor) + 1 }
            let stated = try section.double("attention_factor")
            let derived = if let mscale, let all, mscale != 0, all != 0 { attention(mscale) / attention(all) } else { attention(1) }
            return .yarn(
                RotaryDescription.YaRN(
                    factor: factor, originalContext: try section.int("original_max_position_embeddings") ?? context,
                    betaFast: try section.double("beta_fast") ?? 32, betaSlow: try section.double("beta_slow") ?? 1,
                    attentionFactor: stated ?? derived, truncates: try section.bool("truncate") ?? true))
        default:
            throw section.error(
                "rope_type", "the rotary type \(kind) is not known", remedy: "default, linear, dynamic, yarn and llama3 are")
        }
    }
}
