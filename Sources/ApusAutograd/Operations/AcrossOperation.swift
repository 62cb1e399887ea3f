import ApusTensor

/// Attention of queries to the stored keys and values of another text, one a segment.
final class AcrossOperation: Operation {
    private let shape: AttentionShape
    private let queries: Rows
    private let keptQueries: KeptRows
    private let keptOut: Kept
    private let logSums: Rows
    private let segments: [Segment]
    private let memories: [StoreOperation]
    /// Of each segment.
    private let dropouts: [Dropout?]
    private let out: Rows

    init(_ tape: Tape, _ shape: AttentionShape, queries: Rows, segments: [Segment], caches: [LayerCache], into out: Rows) {
        self.shape = shape
        self.queries = queries
        self.segments = segments
        self.out = out
        memories = caches.map { tape.memories[ObjectIdentifier($0.keys)]! }
        let dropout = tape.nextDropout(rate: shape.dropout)
        dropouts = segments.indices.map { dropout?.ofSequence($0) }
        keptQueries = tape.copy(queries)
        let sums = tape.arena.rows(.f32, count: queries.count, width: shape.heads)
        logSums = Rows(sums.storage, offset: sums.offset, count: sums.count, width: sums.width)
        tape.contents.overwrite(out)
        for (index, (segment, memory)) in zip(segments, memories).enumerated() {
            tape.base.attendWhole(
                shape, queries: keptQueries.rows(segment.rows), keys: memory.keptKeys, values: memory.keptValues,
                spans: [Self.span(segment, memory)], bias: nil, dropout: dropouts[index], in: tape.type, into: out.rows(segment.rows),
                logSums: logSums.rows(segment.rows))
        }
        keptOut = tape.keep(out)
    }

    private static func span(_ segment: Segment, _ memory: StoreOperation) -> AttentionSpan {
        AttentionSpan(queries: 0..<segment.rows.count, keys: 0..<memory.keys.count, prefix: memory.keys.count)
    }

    func backward(_ tape: Tape) {
        guard let gradient = tape.gradient(out) else { return tape.clear(out) }
        let target = tape.mirror(queries).target(queries, tape.base)
        precondition(!target.adds, "queries that are read twice")
        for (index, (segment, memory)) in zip(segments, memories).enumerated() {
            let count = memory.keys.count, width = memory.keys.width
            let both = tape.scratchRows(count: 2 * count, width: width), keys = both.rows(0..<count), values = both.rows(count..<2 * count)
            tape.base.attendBackward(
                shape, queries: keptQueries.rows(segment.rows), keys: memory.keptKeys, values: memory.keptValues,
                out: keptOut.rows(tape).rows(segment.rows), logSums: logSums.rows(segment.rows), gradient: gradient.rows(segment.rows),
                spans: [Self.span(segment, memory)], bias: nil, dropout: dropouts[index], in: tape.type,
                queryGradient: target.rows.rows(segment.rows), keyGradient: keys, valueGradient: values, distanceGradient: nil)
            memory.add(tape, keys: keys, values: values)
        }
        tape.clear(out)
    }
}
