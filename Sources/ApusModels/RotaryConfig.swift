import ApusBase
import ApusDescription
import Glibc

/// Rotary settings of config.json in both spellings: `rope_parameters`, or `rope_theta` beside `rope_scaling`.
enum RotaryConfig {
    /// - Parameters:
    ///   - baseKey: what the configuration calls the base beside the settings.
    ///   - fraction: the part of a head that turns where the configuration states none; nil: all of it, and no other may be stated.
    static func read(
        _ config: inout ConfigReader, headSize: Int, context: Int, baseKey: String = "rope_theta", fraction: Double? = nil
    ) throws(InputError) -> RotaryDescription {
        let base = try config.double(baseKey) ?? 10000
        var section = try section(&config)
        let trained = try ["llama3", "yarn"].contains(kind(&section)) ? config.int("original_max_position_embeddings") : nil
        return try read(section: &section, headSize: headSize, context: context, base: base, fraction: fraction, trained: trained)
    }

    /// The same of a section of its own.
    /// - Parameter trained: the training context that is stated outside the section, which counts before its own.
    static func read(
        section: inout ConfigReader, headSize: Int, context: Int, base: Double, fraction: Double? = nil, trained: Int? = nil
    ) throws(InputError) -> RotaryDescription {
        let base = try section.double("rope_theta") ?? base
        let dimensions = try partial(&section, headSize, fraction)
        let kind = try kind(&section)
        let read = try self.scaling(&section, kind: kind, context: context, trained: trained)
        if let key = section.unusedKeys.first {
            throw section.error(key, "is not understood for the rotary type \(kind)", remedy: "remove it if it changes nothing")
        }
        return RotaryDescription(base: base, scaling: read, dimensions: dimensions)
    }

    /// `rope_scaling` wins where both spellings are there: nothing of `rope_parameters` counts then, its base included.
    private static func section(_ config: inout ConfigReader) throws(InputError) -> ConfigReader {
        if let scaling = try config.section("rope_scaling"), !scaling.unusedKeys.isEmpty { return scaling }
        return try config.section("rope_parameters") ?? ConfigReader(path: config.path, JSONObject())
    }

    private static func kind(_ section: inout ConfigReader) throws(InputError) -> String {
        let older = try section.string("type")
        return try section.string("rope_type") ?? older ?? "default"
    }

    private static func partial(_ section: inout ConfigReader, _ headSize: Int, _ usual: Double?) throws(InputError) -> Int {
        let fraction = try section.double("partial_rotary_factor") ?? usual ?? 1
        guard usual != nil || fraction == 1 else {
            throw section.error(
                "partial_rotary_factor", "\(fraction) does not count for this model_type, whose heads turn as a whole", remedy: "remove it")
        }
        let dimensions = Int(Double(headSize) * fraction)
        guard fraction > 0, fraction <= 1, dimensions >= 2, dimensions % 2 == 0 else {
            throw section.error("partial_rotary_factor", "\(fraction) of \(headSize) elements are no pairs")
        }
        return dimensions
    }

    private static func scaling(
        _ section: inout ConfigReader, kind: String, context: Int, trained: Int?
    ) throws(InputError) -> RotaryDescription.Scaling {
        func factor() throws(InputError) -> Double {
            let factor = try section.required(section.double("factor"), "factor")
            guard factor >= 1 else { throw section.error("factor", "\(factor) is below 1") }
            return factor
        }
        func originalContext() throws(InputError) -> Int {
            let own = try section.int("original_max_position_embeddings")
            return trained ?? own ?? context
        }
        // Zero stands for the usual number.
        func turns(_ key: String, _ usual: Double) throws(InputError) -> Double {
            let turns = try section.double(key) ?? 0
            return turns == 0 ? usual : turns
        }
        switch kind {
        case "default": return .none
        case "linear": return .linear(factor: try factor())
        case "dynamic":
            // This type grows from the model's own context on.
            section.ignore("original_max_position_embeddings")
            return .dynamicNTK(factor: try factor(), originalContext: context)
        case "llama3":
            return .llama3(
                factor: try factor(),
                lowFrequencyFactor: try section.required(section.double("low_freq_factor"), "low_freq_factor"),
                highFrequencyFactor: try section.required(section.double("high_freq_factor"), "high_freq_factor"),
                originalContext: try originalContext())
        case "yarn":
            let factor = try factor()
            let mscale = try section.double("mscale"), all = try section.double("mscale_all_dim")
            func attention(_ m: Double) -> Double { factor <= 1 ? 1 : 0.1 * m * log(factor) + 1 }
            let stated = try section.double("attention_factor")
            let derived = if let mscale, let all, mscale != 0, all != 0 { attention(mscale) / attention(all) } else { attention(1) }
            return .yarn(
                RotaryDescription.YaRN(
                    factor: factor, originalContext: try originalContext(), betaFast: try turns("beta_fast", 32), betaSlow: try turns("beta_slow", 1),
                    attentionFactor: stated ?? derived, truncates: try section.bool("truncate") ?? true))
        default:
            throw section.error(
                "rope_type", "the rotary type \(kind) is not known", remedy: "default, linear, dynamic, yarn and llama3 are")
        }
    }
}
