import Glibc

/// Numbers for the distances of keys from queries, learned in buckets: one for each short distance, wider and wider ones for longer
/// distances, and one for all from a greatest distance on (T5, Raffel et al. 2020).
public struct RelativePosition: Sendable, Equatable {
    /// In all.
    public var buckets: Int
    /// From this distance on all share the last bucket.
    public var maxDistance: Int
    /// Whether keys behind a query have buckets of their own, half of them; otherwise they share the first.
    public var isBidirectional: Bool

    /// - Parameters:
    ///   - buckets: at least 2, or 4 if bidirectional.
    ///   - maxDistance: above the distances that have a bucket each.
    ///   - isBidirectional: whether keys behind a query have buckets of their own.
    public init(buckets: Int, maxDistance: Int, isBidirectional: Bool) {
        self.buckets = buckets
        self.maxDistance = maxDistance
        self.isBidirectional = isBidirectional
    }

    /// Distances, from 0 on, that have a bucket each.
    public var exactDistances: Int { (isBidirectional ? buckets / 2 : buckets) / 2 }

    /// The bucket of a key's position minus the query's.
    public func bucket(of difference: Int) -> Int {
        let side = isBidirectional ? buckets / 2 : buckets, first = isBidirectional && difference > 0 ? side : 0
        let distance = isBidirectional ? abs(difference) : max(-difference, 0), exact = exactDistances
        if distance < exact { return first + distance }
        // In f32, as the reference has it: buckets begin where rounding puts them.
        let growth = logf(Float(distance) / Float(exact)) / Float(log(Double(maxDistance) / Double(exact))) * Float(side - exact)
        return first + min(exact + Int(growth), side - 1)
    }
}
