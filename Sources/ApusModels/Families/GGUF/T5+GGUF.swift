import ApusBase
import ApusCheckpoints
import ApusDescription

/// llama.cpp knows networks with ReLU, and gated ones with the GELU that has tanh, and distances up to 128. It does not divide the
/// residuals before a tied head by √C as T5 does, so that its logits are that much greater.
extension T5: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["t5"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let width = try gguf.width(), vocabularySize = try gguf.vocabularySize(), isTied = !gguf.has("output.weight")
        gguf.ignore("attention.layer_norm_epsilon")
        var attention = try gguf.attention(width: width, inputBias: false, outputBias: false)
        attention.scale = 1
        var full = attention
        full.mask = .full
        let isGated = gguf.has("enc.blk.0.ffn_gate.weight")
        let feedForward = FeedForwardDescription(
            width: try gguf.feedForwardLength(), kind: isGated ? .gated : .plain, activation: isGated ? .geluTanh : .relu)
        let count = try gguf.layerCount(), decoderCount = try gguf.int("decoder_block_count", in: 1...100_000) ?? count
        let buckets = try gguf.required("attention.relative_buckets_count", in: 4...254)
        func position(_ isBidirectional: Bool) -> PositionEncoding {
            .relative(RelativePosition(buckets: buckets, maxDistance: 128, isBidirectional: isBidirectional))
        }
        return DecoderDescription(
            architecture: "t5", vocabularySize: vocabularySize, width: width, contextLength: try gguf.contextLength(), norm: try gguf.rmsNorm(),
            position: position(false),
            layers: Array(repeating: LayerDescription(attention: attention, crossAttention: full, feedForward: feedForward), count: decoderCount),
            head: HeadDescription(tied: isTied, scale: isTied ? 1 / Float(width).squareRoot() : 1),
            encoder: EncoderDescription(
                layers: Array(repeating: LayerDescription(attention: full, feedForward: feedForward), count: count), position: position(true),
                startToken: try gguf.int("decoder_start_token_id", in: 0...vocabularySize - 1) ?? 0))
    }

    static func ggufArchitecture(of description: DecoderDescription) -> String { "t5" }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout {
        func attention(_ module: String, _ file: String) -> [CheckpointLayout.Row] {
            [("query", "q"), ("key", "k"), ("value", "v"), ("output", "o")].map { .init("\(module).\($0)", "\(file)_\($1)") }
        }
        func block(_ side: String, _ file: String) -> [CheckpointLayout.Row] {
            attention(side + "attention", file + "attn") + [
                .init(side + "attentionNorm", file + "attn_norm"), .init(side + "feedForwardNorm", file + "ffn_norm"),
                .init(side + "feedForward.gate", file + "ffn_gate"), .init(side + "feedForward.up", file + "ffn_up"),
                .init(side + "feedForward.down", file + "ffn_down"),
            ]
        }
        return CheckpointLayout(
            outer: [
                .init("embedding", "token_embd"), .init("norm", "dec.output_norm"), .init("relativeBias", "dec.blk.0.attn_rel_b"),
                .init("encoder.norm", "enc.output_norm"), .init("encoder.relativeBias", "enc.blk.0.attn_rel_b"), .init("head", "output"),
            ],
            inner: block("", "dec.blk.#.") + attention("crossAttention", "dec.blk.#.cross_attn") + [.init("crossNorm", "dec.blk.#.cross_attn_norm")]
                + block("encoder.", "enc.blk.#."),
            ignored: ["cross_attn_rel_b.weight"])
    }

    static func ggufKeys(of description: DecoderDescription) -> [(String, GGUFValue)] {
        guard let encoder = description.encoder, case .relative(let relative) = encoder.position else { return [] }
        return [
            ("block_count", .integer(encoder.layers.count)), ("decoder_block_count", .integer(description.layers.count)),
            ("attention.relative_buckets_count", .integer(relative.buckets)), ("decoder_start_token_id", .integer(encoder.startToken)),
        ]
    }
}
