import ApusDescription
import ApusLayers
import ApusTensor

/// A decoder with its weights. It keeps no state of a conversation: that is in the caches handed to `forward`.
public final class Decoder: Sendable {
    /// Its shapes and kinds; `vocabularySize` is the number of logits.
    public let description: DecoderDescription
    package let backend: any Backend
    /// What makes the texts that the blocks attend to, if they do.
    package let encoder: Encoder?
    package let embedding: TokenEmbedding
    package let stack: BlockStack
    /// Back to the embedding's width, where that is not the model's.
    package let headProjection: Linear?
    private let headTransform: HeadTransform?
    package let head: Linear
    private let headDescription: HeadDescription

    init(
        description: DecoderDescription, backend: any Backend, encoder: Encoder?, embedding: TokenEmbedding, stack: BlockStack,
        headProjection: Linear?, headTransform: HeadTransform?, head: Linear, headDescription: HeadDescription
    ) {
        self.description = description
        self.backend = backend
        self.encoder = encoder
        self.embedding = embedding
        self.stack = stack
        self.headProjection = headProjection
        self.headTransform = headTransform
        self.head = head
        self.headDescription = headDescription
    }

    package var blocks: [DecoderBlock] { stack.blocks }

    /// The element type of a cache that costs no exactness beside the model's products: f32 and f16 beside such weights. Beside bf16 weights
    /// and quantised ones, whose products round activations to 8 bits, bf16 where the processor multiplies it and f16 where it does not.
    public var preferredCacheType: DType { stack.preferredCacheType }

    /// Runs the new tokens of one or more sequences, appends their keys and values to the caches, and returns the logits
    /// `[wanted, V]` in the order of the inputs. They stay valid until the workspace is used again.
    package func forward(_ inputs: [SequenceInput], precision: ActivationPrecision, workspace: Workspace) -> Rows {
        let hidden = embedding(inputs, precision, workspace, backend)
        let last = headStates(stack.wantedRows(of: hidden, inputs, precision, workspace), precision, workspace)
        let out = workspace.rows(.logits, count: last.count, width: description.vocabularySize)
        backend.linear(last, [head.product(into: out)], precision)
        if let cap = headDescription.softCap { backend.softCap(out, cap: cap, into: out) }
        return out
    }

    /// Runs whole sequences and returns what the head is given, `[M, E]`, of all their tokens.
    package func states(_ inputs: [SequenceInput], workspace: Workspace) -> Rows {
        let hidden = embedding(inputs, .fine, workspace, backend)
        stack(hidden, inputs, .fine, workspace)
        let last = workspace.rows(.lastRows, count: hidden.count, width: description.width)
        stack.finish(hidden, into: last, inputs.segments)
        return headStates(last, .fine, workspace)
    }

    /// From the normed last residuals to what the head's matrix multiplies.
    private func headStates(_ last: Rows, _ precision: ActivationPrecision, _ workspace: Workspace) -> Rows {
        if let headTransform {
            let inner = workspace.rows(.branch, count: last.count, width: last.width)
            backend.linear(last, [headTransform.linear.product(into: inner)], precision)
            backend.plain(headTransform.activation, inner, into: inner)
            headTransform.norm(inner, into: last, backend)
        }
        if headDescription.scale != 1 { backend.scale(last, by: headDescription.scale, adding: nil, into: last) }
        guard let headProjection else { return last }
        let narrow = workspace.rows(.branch, count: last.count, width: headProjection.outputs)
        backend.linear(last, [headProjection.product(into: narrow)], precision)
        return narrow
    }
}
