import ApusBase
import ApusCheckpoints
import ApusDescription

/// An encoder without a head, whose positions count from 0: what stands before RoBERTa's first position is left out.
extension Bert: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["bert"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let width = try gguf.width(), context = try gguf.contextLength()
        gguf.ignore("pooling_type")
        guard try gguf.bool("attention.causal") == false else {
            throw gguf.error("attention.causal", "must be false: an encoder sees its text in both directions")
        }
        var layer = try gguf.plainLayer(width: width)
        layer.attention.mask = .full
        layer.feedForward.activation = .geluErf
        layer.topology = .sequential(.post)
        return DecoderDescription(
            architecture: "bert", vocabularySize: try gguf.vocabularySize(), width: width, contextLength: context, norm: try gguf.layerNorm(),
            finalNorm: false, position: .learned(offset: 0),
            embedding: EmbeddingDescription(norm: true, tokenTypes: gguf.shape(of: "token_types.weight")?.first ?? 0),
            layers: Array(repeating: layer, count: try gguf.layerCount()), head: nil)
    }

    static func ggufArchitecture(of description: DecoderDescription) -> String { "bert" }

    static func ggufDescription(of description: DecoderDescription) -> DecoderDescription {
        var written = description
        (written.architecture, written.maskedHead) = ("bert", nil)
        if case .learned = written.position { written.position = .learned(offset: 0) }
        return written
    }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout { .gguf(norms: ("attn_output_norm", "layer_output_norm")) }

    static func ggufKeys(of description: DecoderDescription) -> [(String, GGUFValue)] { [("attention.causal", .bool(false))] }
}
