import ApusTensor

/// Numbers by the distance of key and query, each that of its bucket in a table `[buckets, heads]` (T5, Raffel et al. 2020).
final class DistanceOperation: Operation {
    private let distances: Storage
    private let table: PackedMatrix
    /// Of the differences of positions from -reach to reach.
    private let buckets: [Int]
    private let tableGradient: Storage?

    init(_ tape: Tape, _ scores: ScoreBias, of table: PackedMatrix, buckets: [Int]) {
        guard case .distances(let distances, let reach) = scores else { preconditionFailure("no numbers by distance") }
        precondition(buckets.count == 2 * reach + 1)
        self.distances = distances
        self.table = table
        self.buckets = buckets
        tableGradient = tape.isRecording ? tape.claim(table.storage) : nil
        tape.synchronize()
        scores.fillDistances(heads: table.columns) { table.storage.floats[buckets[reach + $1] * table.columns + $0] }
        guard tape.isRecording else { return }
        let gradient = tape.distanceGradient(distances)
        gradient.floats.update(repeating: 0, count: gradient.byteCount / 4)
    }

    func backward(_ tape: Tape) {
        tape.prepareGradient(of: table.storage)
        tape.synchronize()
        let heads = table.columns, reach = buckets.count / 2, gradient = tape.distanceGradient(distances).floats
        for head in 0..<heads {
            for distance in -reach...reach {
                tableGradient?.floats[buckets[reach + distance] * heads + head] += gradient[ScoreBias.place(head: head, distance: distance, reach: reach)]
            }
        }
        tape.finish(table.storage)
    }
}

extension Tape {
    /// Writes the numbers of `ScoreBias.distances` anew from the buckets of a trained table, before the layers that add them to their scores.
    package func distances(_ scores: ScoreBias, of table: PackedMatrix, buckets: [Int]) {
        perform { DistanceOperation(self, scores, of: table, buckets: buckets) }
    }
}
