/// The names of a decoder's parameters: ours, Hugging Face's and GGUF's.
///
/// Ours are `embedding`, `norm`, `head`, and within `layers.N.` the rows below, each with `.weight` or `.bias`.
enum ParameterNames {
    static let outer: [(canonical: String, huggingFace: String, gguf: String)] = [
        ("embedding", "model.embed_tokens", "token_embd"),
        ("norm", "model.norm", "output_norm"),
        ("head", "lm_head", "output"),
    ]

    static let inLayer: [(canonical: String, huggingFace: String, gguf: String)] = [
        ("attentionNorm", "input_layernorm", "attn_norm"),
        ("attention.query", "self_attn.q_proj", "attn_q"),
        ("attention.key", "self_attn.k_proj", "attn_k"),
        ("attention.value", "self_attn.v_proj", "attn_v"),
        ("attention.output", "self_attn.o_proj", "attn_output"),
        ("attention.queryNorm", "self_attn.q_norm", "attn_q_norm"),
        ("attention.keyNorm", "self_attn.k_norm", "attn_k_norm"),
        ("feedForwardNorm", "post_attention_layernorm", "ffn_norm"),
        ("feedForward.gate", "mlp.gate_proj", "ffn_gate"),
        ("feedForward.up", "mlp.up_proj", "ffn_up"),
        ("feedForward.down", "mlp.down_proj", "ffn_down"),
    ]

    enum Scheme { case huggingFace, gguf }

    /// The file's name of a canonical parameter.
    static func name(_ canonical: String, in scheme: Scheme) -> String {
        let dot = canonical.lastIndex(of: ".")!
        let module = canonical[..<dot], suffix = canonical[dot...]
        if let row = outer.first(where: { $0.canonical == module }) {
            return (scheme == .gguf ? row.gguf : row.huggingFace) + suffix
        }
        let parts = module.split(separator: ".", maxSplits: 2)
        guard parts.count == 3, let row = inLayer.first(where: { $0.canonical == parts[2] }) else {
            preconditionFailure("no parameter is called \(canonical)")
        }
        return scheme == .gguf ? "blk.\(parts[1]).\(row.gguf)\(suffix)" : "model.layers.\(parts[1]).\(row.huggingFace)\(suffix)"
    }
}
