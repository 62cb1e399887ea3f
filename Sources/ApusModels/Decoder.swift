import ApusDescription
import ApusLayers
import ApusTensor

/// A decoder with its weights. It keeps no state of a conversation: that is in the caches handed to `forward`.
public final class Decoder: Sendable {
    /// Its shapes and kinds; `vocabularySize` is the number of logits.
    public let description: DecoderDescription
    package let backend: any Backend
    package let embedding: PackedMatrix
    package let blocks: [DecoderBlock]
    package let norm: RMSNorm
    package let head: Linear
    package let rotary: RotaryTable

    init(
        description: DecoderDescription, backend: any Backend, embedding: PackedMatrix, blocks: [DecoderBlock], norm: RMSNorm, head: Linear
    ) {
        self.description = description
        self.backend = backend
        self.embedding = embedding
        self.blocks = blocks
        self.norm = norm
        self.head = head
        switch description.position {
        case .rotary(let rotary): self.rotary = RotaryTable(rotary)
        }
    }

    /// New tokens of one sequence.
    package struct Input {
        package var ids: [Int32]
        /// Of the first of them.
        package var position: Int
        package var cache: KeyValueCache
        /// Positions of the whole prompt these tokens belong to: it sets the base of dynamic NTK.
        package var sequenceLength: Int
        /// Which tokens logits are wanted of.
        package var logits: Range<Int>

        package init(ids: [Int32], position: Int, cache: KeyValueCache, sequenceLength: Int? = nil, logits: Range<Int>) {
            self.ids = ids
            self.position = position
            self.cache = cache
            self.sequenceLength = sequenceLength ?? position + ids.count
            self.logits = logits
        }
    }

    /// Runs the new tokens of one or more sequences, appends their keys and values to the caches, and returns the logits
    /// `[wanted, V]` in the order of the inputs. They stay valid until the workspace is used again.
    package func forward(_ inputs: [Input], workspace: Workspace) -> Rows {
        let ids = inputs.flatMap(\.ids)
        let cosines = workspace.rows(.cosines, count: ids.count, width: rotary.pairCount)
        let sines = workspace.rows(.sines, count: ids.count, width: rotary.pairCount)
        var segments: [Segment] = []
        var row = 0
        for input in inputs {
            let rows = row..<row + input.ids.count
            segments.append(Segment(rows: rows, position: input.position))
            rotary.fill(
                positions: input.position..<input.position + input.ids.count, sequenceLength: input.sequenceLength,
                cosines: cosines.rows(rows), sines: sines.rows(rows))
            row = rows.upperBound
        }
        let hidden = workspace.rows(.hidden, count: ids.count, width: description.width)
        backend.embed(ids, embedding, into: hidden)
        let context = ForwardContext(
            backend: backend, segments: segments, stores: inputs.map(\.cache), cosines: cosines, sines: sines, workspace: workspace)
        let cacheType = inputs[0].cache.dtype
        for (layer, block) in blocks.enumerated() { block(hidden, layer: layer, cacheType: cacheType, context) }
        return logits(of: hidden, inputs, segments, workspace)
    }

    private func logits(of hidden: Rows, _ inputs: [Input], _ segments: [Segment], _ workspace: Workspace) -> Rows {
        let wanted = inputs.reduce(0) { $0 + $1.logits.count }
        let last = workspace.rows(.lastRows, count: wanted, width: description.width)
        var row = 0
        for (input, segment) in zip(inputs, segments) where !input.logits.isEmpty {
            let from = segment.rows.lowerBound + input.logits.lowerBound
            norm(hidden.rows(from..<from + input.logits.count), into: last.rows(row..<row + input.logits.count), backend)
            row += input.logits.count
        }
        let out = workspace.rows(.logits, count: wanted, width: description.vocabularySize)
        backend.linear(last, [head.product(into: out)])
        return out
    }
}
