import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusTensor
import Glibc

/// GGUF metadata to a description (keys: github.com/ggml-org/ggml/blob/master/docs/gguf.md).
enum GGUFSource {
    static func open(_ path: String) throws(InputError) -> ModelSource {
        let file = try GGUFFile(path: path)
        guard let architecture = try file.metadata.string("general.architecture") else {
            throw InputError(path, at: "metadata general.architecture", "is missing", remedy: "this file holds no language model")
        }
        guard Llama.names.contains(architecture) else {
            throw InputError(
                path, at: "metadata general.architecture", "\(architecture) is not supported",
                remedy: "supported are \(Llama.names.sorted().joined(separator: ", "))")
        }
        return ModelSource(
            path: path, description: try description(file, architecture), checkpoint: file, scheme: .gguf,
            interleavedHeads: architecture == "llama", notes: [], gguf: file.metadata)
    }

    private static let known: Set<String> = [
        "vocab_size", "context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count",
        "attention.head_count_kv", "attention.layer_norm_rms_epsilon", "attention.key_length", "attention.value_length",
        "attention.sliding_window", "rope.freq_base", "rope.dimension_count", "rope.scaling.type", "rope.scaling.factor",
        "rope.scaling.original_context_length", "rope.scaling.attn_factor", "rope.scaling.finetuned", "rope.scale_linear",
        "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", "tensor_data_layout",
    ]

    private static func description(_ file: GGUFFile, _ architecture: String) throws(InputError) -> DecoderDescription {
        let metadata = file.metadata
        func key(_ name: String) -> String { "\(architecture).\(name)" }
        func int(_ name: String, _ range: ClosedRange<Int> = 1...(1 << 31)) throws(InputError) -> Int? {
            guard let value = try metadata.int(key(name)) else { return nil }
            guard range.contains(value) else {
                throw InputError(file.path, at: "metadata \(key(name))", "\(value) is not from \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        }
        func required(_ name: String, _ range: ClosedRange<Int> = 1...(1 << 31)) throws(InputError) -> Int {
            guard let value = try int(name, range) else { throw InputError(file.path, at: "metadata \(key(name))", "is missing") }
            return value
        }
        if let unknown = metadata.keys.first(where: { $0.hasPrefix(architecture + ".") && !known.contains(String($0.dropFirst(architecture.count + 1))) }) {
            throw InputError(file.path, at: "metadata \(unknown)", "is not understood and could change what the model computes")
        }
        let width = try required("embedding_length")
        let heads = try required("attention.head_count", 1...65536)
        let kvHeads = try int("attention.head_count_kv", 1...65536) ?? heads
        guard heads % kvHeads == 0 else {
            throw InputError(file.path, at: "metadata \(key("attention.head_count_kv"))", "\(heads) query heads cannot share \(kvHeads)")
        }
        let headSize = try int("attention.key_length", 2...65536) ?? width / heads
        guard headSize % 2 == 0, headSize > 0, try int("attention.value_length", 1...65536) ?? headSize == headSize else {
            throw InputError(file.path, at: "metadata \(key("attention.key_length"))", "the head size \(headSize) must be even and equal to that of the values")
        }
        let context = try int("context_length") ?? 2048
        guard let vocabulary = file.entry("token_embd.weight")?.shape.first else {
            throw InputError(file.path, "the tensor token_embd.weight is missing")
        }
        if let stated = try int("vocab_size"), stated != vocabulary {
            throw InputError(file.path, at: "metadata \(key("vocab_size"))", "is \(stated), but token_embd.weight has \(vocabulary) rows")
        }
        let attention = AttentionDescription(
            heads: heads, kvHeads: kvHeads, headSize: headSize, window: try int("attention.sliding_window"),
            inputBias: file.entry("blk.0.attn_q.bias") != nil, outputBias: file.entry("blk.0.attn_output.bias") != nil,
            queryKeyNorm: file.entry("blk.0.attn_q_norm.weight") != nil)
        let feedForward = FeedForwardDescription(
            width: try required("feed_forward_length"), bias: file.entry("blk.0.ffn_gate.bias") != nil)
        let epsilon = try metadata.double(key("attention.layer_norm_rms_epsilon")) ?? 1e-5
        return DecoderDescription(
            architecture: architecture, vocabularySize: vocabulary, width: width,
            contextLength: context, norm: .rms(epsilon: Float(epsilon)),
            position: .rotary(try rotary(file, architecture, headSize: headSize, context: context)),
            layers: Array(
                repeating: LayerDescription(attention: attention, feedForward: feedForward), count: try required("block_count", 1...100_000)),
            tiedHead: file.entry("output.weight") == nil)
    }

    private static func rotary(_ file: GGUFFile, _ architecture: String, headSize: Int, context: Int) throws(InputError) -> RotaryDescription {
        let metadata = file.metadata
        let base = try metadata.double("\(architecture).rope.freq_base") ?? 10000
        let dimensions = try metadata.int("\(architecture).rope.dimension_count") ?? headSize
        guard dimensions >= 2, dimensions <= headSize, dimensions % 2 == 0, base > 0 else {
            throw InputError(file.path, at: "metadata \(architecture).rope.dimension_count", "\(dimensions) of \(headSize) elements are no pairs")
        }
        return RotaryDescription(base: base, scaling: try scaling(file, architecture, pairs: dimensions / 2, context: context), dimensions: dimensions)
    }

    private static func scaling(_ file: GGUFFile, _ architecture: String, pairs: Int, context: Int) throws(InputError) -> RotaryDescription.Scaling {
        let metadata = file.metadata, prefix = "\(architecture).rope.scaling."
        if let entry = file.entry("rope_freqs.weight") {
            guard entry.dtype == .f32, entry.shape == [pairs] else {
                throw InputError(file.path, at: "tensor rope_freqs.weight", "\(pairs) numbers of type f32 are needed")
            }
            var divisors = [Float](repeating: 1, count: pairs)
            var failure: InputError?
            divisors.withUnsafeMutableBytes { raw in
                do throws(InputError) { try file.read(entry, from: 0, into: raw) } catch { failure = error }
            }
            if let failure { throw failure }
            return .divisors(divisors)
        }
        let older = try metadata.double("\(architecture).rope.scale_linear")
        let factor = try metadata.double(prefix + "factor") ?? older ?? 1
        let original = try metadata.int(prefix + "original_context_length") ?? context
        switch try metadata.string(prefix + "type") {
        case nil, "none"?: return factor == 1 ? .none : .linear(factor: factor)
        case "linear"?: return .linear(factor: factor)
        case "yarn"?:
            let attention = try metadata.double(prefix + "attn_factor") ?? 1
            return .yarn(
                RotaryDescription.YaRN(
                    factor: factor, originalContext: original, betaFast: try metadata.double(prefix + "yarn_beta_fast") ?? 32,
                    betaSlow: try metadata.double(prefix + "yarn_beta_slow") ?? 1, attentionFactor: attention * (0.1 * log(factor) + 1)))
        case let other?:
            throw InputError(file.path, at: "metadata \(prefix)type", "\(other) is not known", remedy: "none, linear and yarn are")
        }
    }
}
