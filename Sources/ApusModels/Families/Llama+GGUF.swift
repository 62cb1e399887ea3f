import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusLayers
import Glibc

extension Llama {
    /// GGUF's name of the family: llama.cpp runs Mistral as llama.
    private static func ggufArchitecture(_ description: DecoderDescription) -> String {
        description.architecture == "mistral" ? "llama" : description.architecture
    }

    /// Whether the GGUF files of the family hold query and key heads interleaved.
    static func ggufInterleavesHeads(_ description: DecoderDescription) -> Bool { ggufArchitecture(description) == "llama" }

    /// The metadata of a folder's model as llama.cpp's converter writes it; the tokenizer and the file's type apart.
    ///
    /// - Throws: an `InputError` when GGUF has no keys for an axis of the description.
    static func ggufMetadata(of source: ModelSource) throws(InputError) -> GGUFMetadata {
        let description = source.description, layer = description.layers[0]
        let architecture = ggufArchitecture(description), prefix = architecture + "."
        guard description.layers.allSatisfy({ $0 == layer }), layer.feedForward.gatedBy == .silu else {
            throw InputError(source.path, "its layers differ, or their activation is not SiLU, for which the GGUF files of \(architecture) have no keys")
        }
        guard case .rotary(let rotary) = description.position, case .rms(let epsilon) = description.norm else {
            throw InputError(source.path, "its norm or positions have no keys in the GGUF files of \(architecture)")
        }
        let attention = layer.attention
        var metadata = GGUFMetadata(path: source.path)
        metadata.set("general.architecture", .string(architecture))
        metadata.set("general.type", .string("model"))
        metadata.set("general.name", .string(source.path.split(separator: "/").last.map(String.init) ?? architecture))
        func int(_ key: String, _ value: Int) { metadata.set(prefix + key, .integer(value)) }
        int("block_count", description.layers.count)
        int("context_length", description.contextLength)
        int("embedding_length", description.width)
        int("feed_forward_length", layer.feedForward.width)
        int("attention.head_count", attention.heads)
        int("attention.head_count_kv", attention.kvHeads)
        int("attention.key_length", attention.headSize)
        int("attention.value_length", attention.headSize)
        metadata.set(prefix + "attention.layer_norm_rms_epsilon", .number(Double(epsilon)))
        if let window = attention.window { int("attention.sliding_window", window) }
        int("vocab_size", description.vocabularySize)
        int("rope.dimension_count", rotary.dimensions)
        metadata.set(prefix + "rope.freq_base", .number(rotary.base))
        try setScaling(rotary, prefix: prefix + "rope.scaling.", in: &metadata, of: source)
        return metadata
    }

    private static func setScaling(
        _ rotary: RotaryDescription, prefix: String, in metadata: inout GGUFMetadata, of source: ModelSource
    ) throws(InputError) {
        switch rotary.scaling {
        case .none, .llama3, .divisors: break
        case .linear(let factor):
            metadata.set(prefix + "type", .string("linear"))
            metadata.set(prefix + "factor", .number(factor))
        case .dynamicNTK:
            throw InputError(source.path, at: "config.json", "GGUF has no keys for dynamic NTK scaling", remedy: "convert to a folder")
        case .yarn(let yarn):
            guard yarn.truncates else {
                throw InputError(source.path, at: "config.json", "GGUF has no key for YaRN without truncation", remedy: "convert to a folder")
            }
            metadata.set(prefix + "type", .string("yarn"))
            metadata.set(prefix + "factor", .number(yarn.factor))
            metadata.set(prefix + "original_context_length", .integer(yarn.originalContext))
            metadata.set(prefix + "yarn_beta_fast", .number(yarn.betaFast))
            metadata.set(prefix + "yarn_beta_slow", .number(yarn.betaSlow))
            // The reader multiplies by YaRN's own factor.
            let own = 0.1 * log(yarn.factor) + 1
            if abs(yarn.attentionFactor - own) > 1e-6 { metadata.set(prefix + "attn_factor", .number(yarn.attentionFactor / own)) }
        }
    }

    /// LLaMA 3's scaling, which GGUF stores as the tensor `rope_freqs.weight`.
    static func ggufRotaryDivisors(of source: ModelSource) throws(InputError) -> [Float]? {
        guard case .rotary(let rotary) = source.description.position else { return nil }
        switch rotary.scaling {
        case .llama3, .divisors: return RotaryTable.divisors(of: rotary)
        case .none, .linear, .dynamicNTK, .yarn: return nil
        }
    }
}
