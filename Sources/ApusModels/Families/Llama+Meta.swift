import ApusBase
import ApusCheckpoints
import ApusDescription

extension Llama {
    /// From `params.json`, whose keys are those of Meta's `ModelArgs`; what it leaves to the files is read off the tensors.
    static func description(ofMeta config: inout ConfigReader, _ checkpoint: any Checkpoint) throws(InputError) -> DecoderDescription {
        config.ignore("max_batch_size")
        let heads = try config.heads("n_heads"), width = try config.width("dim", heads: heads)
        let kvHeads = try config.int("n_kv_heads", in: 1...65536) ?? heads
        guard heads % kvHeads == 0 else { throw config.error("n_kv_heads", "\(heads) query heads cannot share \(kvHeads)") }
        let headSize = try config.int("head_dim", in: 2...65536) ?? width / heads
        guard headSize % 2 == 0 else { throw config.error("dim", "heads of \(headSize) elements have no pairs, which rotary positions need") }
        guard let embedding = checkpoint.entry("tok_embeddings.weight"), embedding.shape.count == 2, embedding.shape[0] > 0 else {
            throw InputError(checkpoint.path, "the tensor tok_embeddings.weight is missing, or no matrix")
        }
        let stated = try config.int("vocab_size", in: -1...1 << 31) ?? -1
        guard stated == -1 || stated == embedding.shape[0] else {
            throw config.error("vocab_size", "is \(stated), but the embedding has \(embedding.shape[0]) rows")
        }
        let layer = LayerDescription(
            attention: AttentionDescription(
                heads: heads, kvHeads: kvHeads, headSize: headSize, mask: try config.int("sliding_window").map { .window($0) } ?? .causal),
            feedForward: FeedForwardDescription(width: try feedForwardWidth(&config, width)))
        return DecoderDescription(
            architecture: "llama", vocabularySize: embedding.shape[0], width: width, contextLength: try config.int("max_seq_len") ?? 2048,
            norm: .rms(epsilon: try config.epsilon("norm_eps", default: 1e-5)), position: .rotary(try rotary(&config, headSize)),
            layers: Array(repeating: layer, count: try config.layerCount("n_layers")),
            head: HeadDescription(tied: checkpoint.entry("output.weight") == nil))
    }

    /// Two thirds of 4C, times a factor, rounded up.
    private static func feedForwardWidth(_ config: inout ConfigReader, _ width: Int) throws(InputError) -> Int {
        let factor = try config.double("ffn_dim_multiplier"), multiple = try config.int("multiple_of") ?? 256
        if let stated = try config.int("hidden_dim") { return stated }
        guard factor.map({ $0 > 0 && $0 < 100 }) ?? true else { throw config.error("ffn_dim_multiplier", "is not from 0 to 100") }
        let plain = 8 * width / 3
        let scaled = factor.map { Int($0 * Double(plain)) } ?? plain
        return (scaled + multiple - 1) / multiple * multiple
    }

    private static func rotary(_ config: inout ConfigReader, _ headSize: Int) throws(InputError) -> RotaryDescription {
        let base = try config.double("rope_theta") ?? 10000, isScaled = try config.bool("use_scaled_rope") ?? false
        guard base > 1 else { throw config.error("rope_theta", "\(base) is not above 1") }
        let stated = try config.double("rope_scaling_factor"), factor = stated ?? 8
        // LLaMA 3.1 divides by 8; the small models of 3.2 have the same switch, but were trained with 32.
        let width = try config.requiredInt("dim")
        guard !isScaled || stated != nil || width >= 4096 else {
            throw config.error("use_scaled_rope", "the factor of its scaling is not stated", remedy: "add rope_scaling_factor (LLaMA 3.2: 32)")
        }
        guard factor >= 1 else { throw config.error("rope_scaling_factor", "\(factor) is below 1") }
        return RotaryDescription(
            base: base,
            scaling: isScaled ? .llama3(factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192) : .none,
            dimensions: headSize)
    }

    static var metaLayout: CheckpointLayout {
        let attention = "layers.#.attention.", feedForward = "layers.#.feed_forward."
        return CheckpointLayout(
            outer: [.init("embedding", "tok_embeddings"), .init("norm", "norm"), .init("head", "output")],
            inner: [
                .init("attentionNorm", "layers.#.attention_norm"),
                .init("attention.query", attention + "wq", isInterleaved: true),
                .init("attention.key", attention + "wk", isInterleaved: true),
                .init("attention.value", attention + "wv"),
                .init("attention.output", attention + "wo"),
                .init("feedForwardNorm", "layers.#.ffn_norm"),
                .init("feedForward.gate", feedForward + "w1"),
                .init("feedForward.up", feedForward + "w3"),
                .init("feedForward.down", feedForward + "w2"),
            ], ignored: ["rope.freqs"])
    }

    /// What the parts of a model hold of a tensor: outputs of column-parallel matrices, inputs of row-parallel ones. Embeddings are divided
    /// by features in LLaMA 1 and 2, and by tokens from LLaMA 3 on.
    static func metaDivision(of name: String, shape: [Int], width: Int) -> ModelParallelCheckpoint.Division {
        switch name.split(separator: ".").dropLast().last {
        case "wq", "wk", "wv", "w1", "w3", "output": .rows
        case "wo", "w2": .columns
        case "tok_embeddings": shape[1] == width ? .rows : .columns
        default: .whole
        }
    }
}
