import ApusBase
import ApusCheckpoints
import ApusDescription

extension Llama: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["llama", "qwen2", "qwen3"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let width = try gguf.width(), context = try gguf.contextLength(), norm = try gguf.rmsNorm()
        gguf.ignore("tensor_data_layout")
        var attention = try gguf.attention(width: width)
        if let window = try gguf.int("attention.sliding_window") { attention.mask = .window(window) }
        if gguf.has("blk.0.attn_q_norm.weight") { attention.queryKeyNorm = norm }
        guard attention.headSize % 2 == 0 else { throw gguf.error("attention.key_length", "the head size \(attention.headSize) must be even") }
        let feedForward = FeedForwardDescription(width: try gguf.feedForwardLength(), bias: gguf.has("blk.0.ffn_gate.bias"))
        return DecoderDescription(
            architecture: gguf.architecture, vocabularySize: try gguf.vocabularySize(), width: width, contextLength: context, norm: norm,
            position: .rotary(try gguf.rotary(.halfSplit, headSize: attention.headSize, context: context)),
            layers: Array(repeating: LayerDescription(attention: attention, feedForward: feedForward), count: try gguf.layerCount()),
            head: HeadDescription(tied: !gguf.has("output.weight")))
    }

    /// llama.cpp runs Mistral as llama.
    static func ggufArchitecture(of description: DecoderDescription) -> String {
        description.architecture == "mistral" ? "llama" : description.architecture
    }

    /// The llama architecture holds query and key heads interleaved.
    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout {
        .gguf(isInterleaved: ggufArchitecture(of: description) == "llama")
    }
}
