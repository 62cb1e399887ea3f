import ApusBase
import ApusDescription

/// What the keys of several architectures say in the same words.
extension GGUFReader {
    mutating func width() throws(InputError) -> Int { try required("embedding_length") }
    mutating func layerCount() throws(InputError) -> Int { try required("block_count", in: 1...100_000) }
    mutating func contextLength() throws(InputError) -> Int { try int("context_length") ?? 2048 }
    mutating func feedForwardLength() throws(InputError) -> Int { try required("feed_forward_length") }

    /// Rows of the embedding; the key says the same where there is one.
    mutating func vocabularySize() throws(InputError) -> Int {
        guard let vocabulary = shape(of: "token_embd.weight")?.first else { throw error(tensor: "token_embd.weight", "is missing") }
        if let stated = try int("vocab_size"), stated != vocabulary {
            throw error("vocab_size", "is \(stated), but token_embd.weight has \(vocabulary) rows")
        }
        return vocabulary
    }

    mutating func rmsNorm(offset: Float = 0) throws(InputError) -> NormKind {
        .rms(epsilon: try epsilon("attention.layer_norm_rms_epsilon"), offset: offset)
    }

    mutating func layerNorm() throws(InputError) -> NormKind { .layer(epsilon: try epsilon("attention.layer_norm_epsilon")) }

    private mutating func epsilon(_ name: String) throws(InputError) -> Float {
        let epsilon = try double(name) ?? 1e-5
        guard epsilon >= 0, epsilon < 1 else { throw error(name, "\(epsilon) is not from 0 to 1") }
        return Float(epsilon)
    }

    /// Heads.
    /// - Parameters:
    ///   - inputBias: whether the architecture has biases of queries, keys and values; nil: where the first layer has such tensors.
    ///   - outputBias: the same of the output.
    mutating func attention(width: Int, inputBias: Bool? = nil, outputBias: Bool? = nil) throws(InputError) -> AttentionDescription {
        let heads = try required("attention.head_count", in: 1...65536)
        let kvHeads = try int("attention.head_count_kv", in: 1...65536) ?? heads
        guard heads % kvHeads == 0 else { throw error("attention.head_count_kv", "\(heads) query heads cannot share \(kvHeads)") }
        let headSize = try int("attention.key_length", in: 1...65536) ?? width / heads
        guard headSize > 0, try int("attention.value_length", in: 1...65536) ?? headSize == headSize else {
            throw error("attention.key_length", "the head size \(headSize) must be that of the values")
        }
        return AttentionDescription(
            heads: heads, kvHeads: kvHeads, headSize: headSize,
            inputBias: inputBias ?? (has("blk.0.attn_q.bias") || has("blk.0.attn_qkv.bias")),
            outputBias: outputBias ?? has("blk.0.attn_output.bias"))
    }

    /// - Throws: an `InputError` unless the heads together are as wide as the model, as the architecture has them.
    func expectHeads(_ attention: AttentionDescription, fill width: Int) throws(InputError) {
        guard attention.heads * attention.headSize == width else {
            throw error("attention.key_length", "\(attention.heads) heads of \(attention.headSize) elements are not \(width)")
        }
    }

    /// A layer of GPT-2's kind: biases everywhere, a plain network with the GELU that has tanh, heads as wide as the model.
    mutating func plainLayer(width: Int) throws(InputError) -> LayerDescription {
        let layer = LayerDescription(
            attention: try attention(width: width, inputBias: true, outputBias: true),
            feedForward: FeedForwardDescription(width: try feedForwardLength(), kind: .plain, activation: .geluTanh, bias: true))
        try expectHeads(layer.attention, fill: width)
        return layer
    }

    mutating func softCap(_ name: String, default value: Double? = nil) throws(InputError) -> Float? {
        guard let cap = try double(name) ?? value, cap != 0 else { return nil }
        guard cap > 0 else { throw error(name, "\(cap) is below 0") }
        return Float(cap)
    }

    /// Which layers have the window: as the key says, a flag a layer or the distance of those without, or else every but each `pattern`th.
    mutating func windows(_ window: Int?, count: Int, pattern: Int) throws(InputError) -> [Int?] {
        let name = "attention.sliding_window_pattern"
        switch value(name) {
        case .bools(let flags)?:
            guard flags.count == count else { throw error(name, "has \(flags.count) flags for \(count) layers") }
            return flags.map { $0 ? window : nil }
        case .integer(let own)? where own >= 0: return Self.windows(window, count: count, pattern: own)
        case nil: return Self.windows(window, count: count, pattern: pattern)
        case .some: throw error(name, "a number, or a flag a layer, is needed")
        }
    }

    /// 0: all layers have it.
    static func windows(_ window: Int?, count: Int, pattern: Int) -> [Int?] {
        (0..<count).map { pattern == 0 || $0 % pattern < pattern - 1 ? window : nil }
    }
}
