import ApusCheckpoints
import ApusDescription
import Glibc

/// The keys that all architectures share, as llama.cpp's converter writes them.
extension GGUFMetadata {
    /// - Parameters:
    ///   - architecture: GGUF's name of the family.
    ///   - path: where the model comes from.
    init(_ description: DecoderDescription, architecture: String, path: String) {
        self.init(path: path)
        let layer = description.layers[0], attention = layer.attention, prefix = architecture + "."
        set("general.architecture", .string(architecture))
        set("general.type", .string("model"))
        set("general.name", .string(path.split(separator: "/").last.map(String.init) ?? architecture))
        for (key, value) in [
            ("block_count", description.layers.count), ("context_length", description.contextLength), ("embedding_length", description.width),
            ("feed_forward_length", layer.feedForward.width), ("attention.head_count", attention.heads),
            ("attention.head_count_kv", attention.kvHeads), ("attention.key_length", attention.headSize),
            ("attention.value_length", attention.headSize), ("vocab_size", description.vocabularySize),
        ] {
            set(prefix + key, .integer(value))
        }
        if description.embedding.tokenTypes > 0 { set("tokenizer.ggml.token_type_count", .integer(description.embedding.tokenTypes)) }
        switch description.norm {
        case .rms(let epsilon, _): set(prefix + "attention.layer_norm_rms_epsilon", .number(Double(epsilon)))
        case .layer(let epsilon): set(prefix + "attention.layer_norm_epsilon", .number(Double(epsilon)))
        }
        if let window = description.layers.lazy.compactMap(\.attention.window).first {
            set(prefix + "attention.sliding_window", .integer(window))
        }
        if let cap = attention.softCap { set(prefix + "attn_logit_softcapping", .number(Double(cap))) }
        if let cap = description.head?.softCap { set(prefix + "final_logit_softcapping", .number(Double(cap))) }
        if case .rotary(let rotary) = description.position { set(rotary, prefix: prefix + "rope.") }
    }

    private mutating func set(_ rotary: RotaryDescription, prefix: String) {
        set(prefix + "dimension_count", .integer(rotary.dimensions))
        set(prefix + "freq_base", .number(rotary.base))
        switch rotary.scaling {
        // The divisors of LLaMA 3 are a tensor; there are no words for dynamic NTK.
        case .none, .llama3, .divisors, .dynamicNTK: break
        case .linear(let factor):
            set(prefix + "scaling.type", .string("linear"))
            set(prefix + "scaling.factor", .number(factor))
        case .yarn(let yarn):
            set(prefix + "scaling.type", .string("yarn"))
            set(prefix + "scaling.factor", .number(yarn.factor))
            set(prefix + "scaling.original_context_length", .integer(yarn.originalContext))
            set(prefix + "scaling.yarn_beta_fast", .number(yarn.betaFast))
            set(prefix + "scaling.yarn_beta_slow", .number(yarn.betaSlow))
            // The reader multiplies by YaRN's own factor.
            let own = 0.1 * log(yarn.factor) + 1
            if abs(yarn.attentionFactor - own) > 1e-6 { set(prefix + "scaling.attn_factor", .number(yarn.attentionFactor / own)) }
        }
    }
}
