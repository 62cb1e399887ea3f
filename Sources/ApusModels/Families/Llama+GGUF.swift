import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusLayers
import Glibc

extension Llama {
    static let ggufArchitectures: Set<String> = ["llama", "qwen2", "qwen3"]

    /// GGUF's name of the family: llama.cpp runs Mistral as llama.
    private static func ggufArchitecture(_ description: DecoderDescription) -> String {
        description.architecture == "mistral" ? "llama" : description.architecture
    }

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let width = try gguf.required("embedding_length"), context = try gguf.int("context_length") ?? 2048
        let norm = NormKind.rms(epsilon: Float(try gguf.double("attention.layer_norm_rms_epsilon") ?? 1e-5))
        gguf.ignore("tensor_data_layout")
        var attention = try gguf.attention(width: width)
        if let window = try gguf.int("attention.sliding_window") { attention.mask = .window(window) }
        if gguf.has("blk.0.attn_q_norm.weight") { attention.queryKeyNorm = norm }
        guard attention.headSize % 2 == 0 else { throw gguf.error("attention.key_length", "the head size \(attention.headSize) must be even") }
        let feedForward = FeedForwardDescription(width: try gguf.required("feed_forward_length"), bias: gguf.has("blk.0.ffn_gate.bias"))
        return DecoderDescription(
            architecture: gguf.architecture, vocabularySize: try gguf.vocabularySize(), width: width, contextLength: context, norm: norm,
            position: .rotary(try gguf.rotary(.halfSplit, headSize: attention.headSize, context: context)),
            layers: Array(
                repeating: LayerDescription(attention: attention, feedForward: feedForward), count: try gguf.required("block_count", in: 1...100_000)),
            head: HeadDescription(tied: !gguf.has("output.weight")))
    }

    /// The llama architecture holds query and key heads interleaved.
    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout {
        let turns = ggufArchitecture(description) == "llama"
        return CheckpointLayout(
            outer: [.init("embedding", "token_embd"), .init("norm", "output_norm"), .init("head", "output")],
            inner: [
                .init("attentionNorm", "blk.#.attn_norm"),
                .init("attention.query", "blk.#.attn_q", isInterleaved: turns),
                .init("attention.key", "blk.#.attn_k", isInterleaved: turns),
                .init("attention.value", "blk.#.attn_v"),
                .init("attention.output", "blk.#.attn_output"),
                .init("attention.queryNorm", "blk.#.attn_q_norm"),
                .init("attention.keyNorm", "blk.#.attn_k_norm"),
                .init("feedForwardNorm", "blk.#.ffn_norm"),
                .init("feedForward.gate", "blk.#.ffn_gate"),
                .init("feedForward.up", "blk.#.ffn_up"),
                .init("feedForward.down", "blk.#.ffn_down"),
            ], ignored: ["rope_freqs.weight"])
    }

    static func ggufMetadata(of source: ModelSource) throws(InputError) -> GGUFMetadata {
        let description = source.description, layer = description.layers[0]
        let architecture = ggufArchitecture(description), prefix = architecture + "."
        guard description.layers.allSatisfy({ $0 == layer }), layer.feedForward.activation == .silu else {
            throw InputError(source.path, "its layers differ, or their activation is not SiLU, for which the GGUF files of \(architecture) have no keys")
        }
        guard case .rotary(let rotary) = description.position, case .rms(let epsilon, 0) = description.norm else {
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
