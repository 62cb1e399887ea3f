import ApusDescription

/// llama.cpp's names, which are those of every architecture.
extension CheckpointLayout {
    /// - Parameters:
    ///   - packsGate: gate and up follow one another in one tensor.
    ///   - isInterleaved: rows of query and key heads lie in adjacent pairs, where the family's own files have halves.
    ///   - normOffset: what the file's norms are greater by.
    ///   - norms: the names of the norms before attention and before the feed-forward network.
    static func gguf(
        packsGate: Bool = false, isInterleaved: Bool = false, normOffset: Float = 0, norms: (String, String) = ("attn_norm", "ffn_norm")
    ) -> CheckpointLayout {
        let gates: [Row] =
            packsGate
            ? gateUp.map { .init($0, "blk.#.ffn_up", .stacked(gateUp)) }
            : [.init("feedForward.gate", "blk.#.ffn_gate"), .init("feedForward.up", "blk.#.ffn_up")]
        return CheckpointLayout(
            outer: [
                .init("embedding", "token_embd"), .init("embeddingNorm", "token_embd_norm"), .init("positions", "position_embd"),
                .init("tokenTypes", "token_types"),
                .init("norm", "output_norm", offset: normOffset), .init("head", "output"),
            ],
            inner: gates + [
                .init("attentionNorm", "blk.#.\(norms.0)", offset: normOffset),
                .init("attention.query", "blk.#.attn_q", isInterleaved: isInterleaved),
                .init("attention.key", "blk.#.attn_k", isInterleaved: isInterleaved),
                .init("attention.value", "blk.#.attn_v"),
                .init("attention.output", "blk.#.attn_output"),
                .init("attention.queryNorm", "blk.#.attn_q_norm", offset: normOffset),
                .init("attention.keyNorm", "blk.#.attn_k_norm", offset: normOffset),
                .init("attentionPostNorm", "blk.#.post_attention_norm", offset: normOffset),
                .init("feedForwardNorm", "blk.#.\(norms.1)", offset: normOffset),
                .init("feedForward.down", "blk.#.ffn_down"),
                .init("feedForwardPostNorm", "blk.#.post_ffw_norm", offset: normOffset),
            ], ignored: ["rope_freqs.weight"])
    }

    /// The same with queries, keys and values in one tensor, or each in its own: converters have written both for most architectures.
    func withQueryKeyValue(packed: Bool) -> CheckpointLayout {
        guard packed else { return self }
        let queries = Self.queryKeyValue
        let rows = inner.map { row in
            queries.contains(row.module)
                ? Row(row.module, "blk.#.attn_qkv", .stacked(queries), isInterleaved: row.isInterleaved, offset: row.offset) : row
        }
        return CheckpointLayout(outer: outer, inner: rows, optionalPrefix: optionalPrefix, ignored: ignored)
    }
}
