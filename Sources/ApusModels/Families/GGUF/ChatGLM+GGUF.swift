import ApusBase
import ApusCheckpoints
import ApusDescription

/// ChatGLM2 and 3 are written as GLM-4's; there are no files of ChatGLM-6B.
extension ChatGLM: GGUFFamily {
    /// Read by `GLM`, whose configuration transformers knows.
    static let ggufArchitectures: Set<String> = []

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription { try GLM.description(of: &gguf) }

    static func ggufArchitecture(of description: DecoderDescription) -> String { "chatglm" }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout {
        CheckpointLayout.gguf(packsGate: description.layers[0].feedForward.kind == .gated).withQueryKeyValue(packed: true)
    }
}
