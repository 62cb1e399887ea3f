import ApusBase
import ApusDescription
import ApusLayers
import ApusTensor

/// A model, or the part of one, that sees a whole text at once and makes a vector of each of its tokens (BERT, Devlin et al. 2019).
public final class Encoder: Sendable {
    /// Its shapes and kinds.
    public let description: DecoderDescription
    package let backend: any Backend
    package let embedding: TokenEmbedding
    package let stack: BlockStack

    init(description: DecoderDescription, backend: any Backend, embedding: TokenEmbedding, stack: BlockStack) {
        self.description = description
        self.backend = backend
        self.embedding = embedding
        self.stack = stack
    }

    /// The element type of keys and values that costs no exactness beside the model's products, as a decoder's.
    public var preferredCacheType: DType { stack.preferredCacheType }

    /// Runs whole texts together, without padding. The vectors `[tokens of all texts, C]` follow one another in the order of the texts;
    /// they stay valid until the workspace is used again.
    /// - Parameters:
    ///   - texts: the ids of each, at least one.
    ///   - cacheType: of keys and values while a layer runs: f32, f16 or bf16.
    ///   - workspace: holds the result.
    /// - Throws: an `InputError` when a text has no tokens or more than the model has positions, for an id outside the vocabulary, and
    ///   without memory.
    package func encode(_ texts: [[Int32]], cacheType: DType, workspace: Workspace) throws(InputError) -> Rows {
        var inputs: [SequenceInput] = []
        for ids in texts {
            guard !ids.isEmpty else { throw InputError("the text", "is empty", remedy: "give a text of at least one token") }
            if let wrong = ids.first(where: { $0 < 0 || Int($0) >= description.vocabularySize }) {
                throw InputError("the token ids", "\(wrong) is not from 0 to \(description.vocabularySize - 1)")
            }
            let cache = try KeyValueCache(self, positions: ids.count, dtype: cacheType)
            inputs.append(
                SequenceInput(ids: ids, position: 0, cache: cache, infilling: InfillingContext(length: ids.count, blank: 0), logits: 0..<0))
        }
        let hidden = embedding(inputs, .fine, workspace, backend)
        stack(hidden, inputs, .fine, workspace)
        let out = workspace.rows(.lastRows, count: hidden.count, width: hidden.width)
        stack.finish(hidden, into: out, inputs.segments)
        return out
    }
}
