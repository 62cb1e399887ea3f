import Synchronization

/// Hands out work to threads, each piece once, in order.
final class WorkQueue<Work: Sendable>: Sendable {
    private let work: [Work]
    private let taken = Atomic<Int>(0)

    init(_ work: [Work]) { self.work = work }

    /// The next piece, or nil when all are taken.
    func next() -> Work? {
        let index = taken.wrappingAdd(1, ordering: .relaxed).oldValue
        return index < work.count ? work[index] : nil
    }

    /// Hands out no more.
    func stop() { taken.store(work.count, ordering: .relaxed) }
}
