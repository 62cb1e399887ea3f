import ApusAutograd
import ApusDescription
import ApusLayers
import ApusTensor

/// Blocks one after the other, and the norm behind them: the body of a decoder and of an encoder.
package final class BlockStack: Sendable {
    package let blocks: [DecoderBlock]
    /// nil where blocks end with a norm.
    package let norm: Norm?
    /// The ways to turn that the layers have.
    private let rotations: [RotaryChannel]
    private let relativeBias: RelativeBias?
    /// In training, the chance of each element behind the norm to be left out.
    private let dropout: Float
    private let backend: any Backend
    /// The backend, where the stack is being trained.
    private let tape: Tape?
    /// Elements of a row that the widest sublayer makes between its input and output.
    private let innerWidth: Int

    init(blocks: [DecoderBlock], norm: Norm?, rotations: [RotaryChannel.Key], relativeBias: RelativeBias?, dropout: Float, backend: any Backend) {
        self.blocks = blocks
        self.norm = norm
        self.rotations = rotations.map { RotaryChannel($0) }
        self.relativeBias = relativeBias
        self.dropout = dropout
        self.backend = backend
        tape = backend as? Tape
        innerWidth = blocks.flatMap(\.innerWidths).max { Workspace.stride($0) < Workspace.stride($1) } ?? 0
    }

    /// Updates `hidden` `[M, C]`, the embeddings of all new tokens, in place, and appends their keys and values to the caches. The norm
    /// behind the blocks is left to whoever knows which rows are wanted.
    func callAsFunction(_ hidden: Rows, _ inputs: [SequenceInput], _ precision: ActivationPrecision, _ workspace: Workspace) {
        let context = context(inputs, precision, workspace), cacheType = inputs[0].cache.dtype
        guard let tape else {
            for (layer, block) in blocks.enumerated() { block(hidden, layer: layer, cacheType: cacheType, context) }
            return
        }
        relativeBias?.renew(on: tape)
        for (layer, block) in blocks.enumerated() { tape.block(hidden) { block(hidden, layer: layer, cacheType: cacheType, context) } }
    }

    /// What the blocks and the norm behind them make of the rows whose logits are wanted, `[wanted, C]`. The other tokens leave only their keys
    /// and values in the last block; `hidden` is used up. Without a tape.
    func wantedRows(of hidden: Rows, _ inputs: [SequenceInput], _ precision: ActivationPrecision, _ workspace: Workspace) -> Rows {
        let wanted = inputs.wanted, count = wanted.reduce(0) { $0 + $1.ids.count }
        let cacheType = inputs[0].cache.dtype, last = blocks.count - 1
        let rows = workspace.rows(.lastRows, count: count, width: hidden.width)
        guard count < hidden.count else {
            self(hidden, inputs, precision, workspace)
            finish(hidden, into: rows)
            return rows
        }
        let every = context(inputs, precision, workspace)
        for layer in 0..<last { blocks[layer](hidden, layer: layer, cacheType: cacheType, every) }
        blocks[last].remember(hidden, layer: last, cacheType: cacheType, every)
        guard count > 0 else { return rows }
        var first = 0
        for (input, segment) in zip(inputs, every.segments) where !input.logits.isEmpty {
            let from = segment.rows.lowerBound + input.logits.lowerBound
            backend.scale(
                hidden.rows(from..<from + input.logits.count), by: 1, adding: nil, into: rows.rows(first..<first + input.logits.count))
            first += input.logits.count
        }
        blocks[last](rows, layer: last, cacheType: cacheType, context(wanted, precision, workspace, remembered: true))
        finish(rows, into: rows)
        return rows
    }

    private func context(
        _ inputs: [SequenceInput], _ precision: ActivationPrecision, _ workspace: Workspace, remembered: Bool = false
    ) -> ForwardContext {
        let segments = inputs.segments
        // For the widest sublayer at once: a tape keeps the memory of narrower rows that were there before.
        _ = workspace.rows(.inner, count: segments.last?.rows.upperBound ?? 0, width: innerWidth)
        return ForwardContext(
            backend: backend, segments: segments, stores: inputs.map(\.cache), memories: inputs.compactMap { $0.memory?.memory },
            angles: angles(inputs, segments, workspace), precision: precision, workspace: workspace, remembered: remembered)
    }

    private func angles(_ inputs: [SequenceInput], _ segments: [Segment], _ workspace: Workspace) -> [RotaryAngles] {
        guard !rotations.isEmpty else { return [] }
        let count = segments.last?.rows.upperBound ?? 0
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
                let positions = input.positions.lazy.map { input.position($0, rotation.channel) }
                rotation.table.fill(angles.rows(segment.rows), positions: positions, sequenceLength: input.sequenceLength)
            }
            return angles
        }
    }

    /// What the norm behind the blocks makes of all rows of whole sequences.
    func finish(_ rows: Rows, into out: Rows, _ segments: [Segment]) {
        finish(rows, into: out)
        backend.drop(out, rate: dropout, segments)
    }

    /// Row by row, what the norm makes of `rows`.
    private func finish(_ rows: Rows, into out: Rows) {
        if let norm { norm(rows, into: out, backend) } else { backend.scale(rows, by: 1, adding: nil, into: out) }
    }

    /// The element type of a cache that costs no exactness beside the model's products: f32 and f16 beside such weights. Beside bf16 weights
    /// and quantised ones, whose products round activations to 8 bits, bf16 where the processor multiplies it and f16 where it does not.
    var preferredCacheType: DType {
        switch blocks[0].attention.key.matrix.dtype {
        case .f32: .f32
        case .f16: .f16
        default: backend.attendsInBF16 ? .bf16 : .f16
        }
    }
}
