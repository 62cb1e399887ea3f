import ApusTensor

/// Attention of whole sequences to themselves (FlashAttention-2, Dao 2023), of arguments rounded to the tape's type.
final class AttendOperation: Operation {
    private let shape: AttentionShape
    private let queries: Rows
    private let keys: Rows
    private let values: Rows
    private let kept: [KeptRows]
    private let keptOut: Kept
    private let logSums: Rows
    private let spans: [AttentionSpan]
    private let bias: ScoreBias?
    private let dropout: Dropout?
    private let out: Rows

    init(_ tape: Tape, _ shape: AttentionShape, queries: Rows, keys: Rows, values: Rows, segments: [Segment], bias: ScoreBias?, into out: Rows) {
        precondition(segments.allSatisfy { $0.position == 0 }, "training runs whole sequences")
        self.shape = shape
        self.queries = queries
        self.keys = keys
        self.values = values
        self.bias = bias
        self.out = out
        dropout = tape.nextDropout(rate: shape.dropout)
        spans = segments.map { AttentionSpan(queries: $0.rows, keys: $0.rows, prefix: shape.seesPrefix ? $0.prefix : 0) }
        kept = [queries, keys, values].map { tape.copy($0) }
        let sums = tape.arena.rows(.f32, count: queries.count, width: shape.heads)
        logSums = Rows(sums.storage, offset: sums.offset, count: sums.count, width: sums.width)
        tape.contents.overwrite(out)
        tape.base.attendWhole(
            shape, queries: kept[0], keys: kept[1], values: kept[2], spans: spans, bias: bias, dropout: dropout,
            in: tape.type, into: out, logSums: logSums)
        keptOut = tape.keep(out)
    }

    private func distanceGradient(_ tape: Tape) -> Storage? {
        guard case .distances(let storage, _) = bias else { return nil }
        return tape.distanceGradient(storage)
    }

    func backward(_ tape: Tape) {
        guard let gradient = tape.gradient(out) else { return tape.clear(out) }
        let targets = [queries, keys, values].map { tape.mirror($0).target($0, tape.base) }
        precondition(targets.allSatisfy { !$0.adds }, "queries, keys or values that are read twice")
        tape.base.attendBackward(
            shape, queries: kept[0], keys: kept[1], values: kept[2], out: keptOut.rows(tape), logSums: logSums, gradient: gradient, spans: spans,
            bias: bias, dropout: dropout, in: tape.type, queryGradient: targets[0].rows, keyGradient: targets[1].rows, valueGradient: targets[2].rows,
            distanceGradient: distanceGradient(tape))
        tape.clear(out)
    }
}
