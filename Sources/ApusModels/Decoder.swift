import ApusDescription
import ApusLayers
import ApusTensor

/// A decoder with its weights. It keeps no state of a conversation: that is in the caches handed to `forward`.
public final class Decoder: Sendable {
    /// Its shapes and kinds; `vocabularySize` is the number of logits.
    public let description: DecoderDescription
    package let backend: any Backend
    package let embedding: TokenEmbedding
    package let blocks: [DecoderBlock]
    /// Before the head; nil where blocks end with a norm.
    package let norm: Norm?
    /// Back to the embedding's width, where that is not the model's.
    package let headProjection: Linear?
    package let head: Linear
    /// The ways to turn that the layers have.
    let rotations: [RotaryChannel]

    init(
        description: DecoderDescription, backend: any Backend, embedding: TokenEmbedding, blocks: [DecoderBlock], norm: Norm?,
        headProjection: Linear?, head: Linear
    ) {
        self.description = description
        self.backend = backend
        self.embedding = embedding
        self.blocks = blocks
        self.norm = norm
        self.headProjection = headProjection
        self.head = head
        rotations = description.rotaryChannels.map { RotaryChannel($0) }
    }

    /// New tokens of one sequence.
    package struct Input {
        package var ids: [Int32]
        /// Of the first of them.
        package var position: Int
        package var cache: KeyValueCache
        /// Positions of the whole prompt these tokens belong to: it sets the base of dynamic NTK.
        package var sequenceLength: Int
        /// What the sequence has before the start of the answer; all of it is in the cache or among `ids`.
        package var infilling: InfillingContext
        /// Which tokens logits are wanted of.
        package var logits: Range<Int>

        package init(
            ids: [Int32], position: Int, cache: KeyValueCache, sequenceLength: Int? = nil, infilling: InfillingContext = .none,
            logits: Range<Int>
        ) {
            self.ids = ids
            self.position = position
            self.cache = cache
            self.sequenceLength = sequenceLength ?? position + ids.count
            self.infilling = infilling
            self.logits = logits
        }

        var positions: Range<Int> { position..<position + ids.count }
    }

    /// Runs the new tokens of one or more sequences, appends their keys and values to the caches, and returns the logits
    /// `[wanted, V]` in the order of the inputs. They stay valid until the workspace is used again.
    package func forward(_ inputs: [Input], precision: ActivationPrecision, workspace: Workspace) -> Rows {
        let count = inputs.reduce(0) { $0 + $1.ids.count }
        var segments: [Segment] = []
        for input in inputs {
            let first = segments.last?.rows.upperBound ?? 0
            segments.append(Segment(rows: first..<first + input.ids.count, position: input.position, prefix: input.infilling.length))
        }
        let hidden = workspace.rows(.hidden, count: count, width: description.width)
        embedding(inputs.flatMap(\.ids), positions: { inputs.flatMap { $0.positions.map { $0 } } }, into: hidden, precision, workspace, backend)
        let context = ForwardContext(
            backend: backend, segments: segments, stores: inputs.map(\.cache), angles: angles(inputs, segments, count, workspace),
            precision: precision, workspace: workspace)
        let cacheType = inputs[0].cache.dtype
        for (layer, block) in blocks.enumerated() { block(hidden, layer: layer, cacheType: cacheType, context) }
        return logits(of: hidden, inputs, segments, precision, workspace)
    }

    private func angles(_ inputs: [Input], _ segments: [Segment], _ count: Int, _ workspace: Workspace) -> [RotaryAngles] {
        guard !rotations.isEmpty else { return [] }
        let widths = rotations.map { $0.table.pairCount }
        let all = workspace.rows(.angles, count: count, width: 2 * widths.reduce(0, +))
        var offset = 0
        return zip(rotations, widths).map { rotation, width in
            func part() -> Rows {
                defer { offset += count * width }
                return Rows(all.storage, offset: offset, count: count, width: width)
            }
            let angles = RotaryAngles(cosines: part(), sines: part())
            for (input, segment) in zip(inputs, segments) {
                let positions = input.positions.lazy.map { input.infilling.position($0, rotation.channel) }
                rotation.table.fill(angles.rows(segment.rows), positions: positions, sequenceLength: input.sequenceLength)
            }
            return angles
        }
    }

    private func logits(
        of hidden: Rows, _ inputs: [Input], _ segments: [Segment], _ precision: ActivationPrecision, _ workspace: Workspace
    ) -> Rows {
        let wanted = inputs.reduce(0) { $0 + $1.logits.count }
        var last = workspace.rows(.lastRows, count: wanted, width: description.width)
        var row = 0
        for (input, segment) in zip(inputs, segments) where !input.logits.isEmpty {
            let from = segment.rows.lowerBound + input.logits.lowerBound
            let source = hidden.rows(from..<from + input.logits.count), target = last.rows(row..<row + input.logits.count)
            if let norm { norm(source, into: target, backend) } else { backend.scale(source, by: 1, adding: nil, into: target) }
            row += input.logits.count
        }
        if let headProjection {
            let narrow = workspace.rows(.branch, count: wanted, width: headProjection.outputs)
            backend.linear(last, [headProjection.product(into: narrow)], precision)
            last = narrow
        }
        let out = workspace.rows(.logits, count: wanted, width: description.vocabularySize)
        backend.linear(last, [head.product(into: out)], precision)
        if let cap = description.head.softCap { backend.softCap(out, cap: cap, into: out) }
        return out
    }
}
