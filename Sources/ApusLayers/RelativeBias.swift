import ApusAutograd
import ApusDescription
import ApusTensor

/// Numbers that all layers of a stack add to their scores by the distance of key and query, learned in buckets (T5, Raffel et al. 2020).
package struct RelativeBias: Sendable {
    /// `[buckets, heads]`
    private let table: PackedMatrix
    /// Of the differences of positions from -reach to reach.
    private let buckets: [Int]
    package let scores: ScoreBias

    /// Nil without memory.
    package init?(_ table: PackedMatrix, _ relative: RelativePosition, on backend: any Backend) {
        let reach = relative.maxDistance, heads = table.columns, buckets = (-reach...reach).map(relative.bucket)
        var rows = [[Float]](repeating: [Float](repeating: 0, count: heads), count: table.rows)
        for bucket in rows.indices { rows[bucket].withUnsafeMutableBufferPointer { table.unpack(row: bucket, into: $0.baseAddress!) } }
        guard let scores = ScoreBias.makeDistances(heads: heads, reach: reach, on: backend, { rows[buckets[reach + $1]][$0] }) else { return nil }
        self.table = table
        self.buckets = buckets
        self.scores = scores
    }

    /// In training, the numbers of the table as it is now; what layers add to their gradient reaches the table's.
    package func renew(on tape: Tape) { tape.distances(scores, of: table, buckets: buckets) }
}
