import ApusBase
import Synchronization

/// Gives out the batches of a recipe. A thread opens the data, turns texts into tokens and makes batches ahead; their order is the one that
/// it would be without.
package final class DataLoader {
    /// What is known of the data once they are open.
    package struct Summary: Sendable, Equatable {
        package var documents = 0
        package var tokens = 0
        /// Sequences until all data have been read once.
        package var sequences = 0
        /// What a person should know, a line each.
        package var notes: [String] = []
    }

    private enum Item: Sendable {
        case opened([SourceGroup], DataPosition)
        case batch(TrainingBatch, DataPosition)
        case failure(InputError)
    }

    private struct Stopped: Error {}

    private static let batchesAhead = 4

    private let queue = BoundedQueue<Item>(limit: batchesAhead)
    private let thread: BackgroundThread
    private var opened: (groups: [SourceGroup], summary: Summary)?
    private var failure: InputError?
    private var reached = DataPosition()

    /// - Parameters:
    ///   - micro: sequences of a batch.
    ///   - groups: the data, where another loader of the recipe has opened them.
    ///   - resuming: where an earlier run stopped.
    /// - Throws: an `InputError` when the objective needs what the model does not have. Data that are missing or wrong are told by `next`.
    init(_ recipe: DataRecipe, micro: Int, groups: [SourceGroup]? = nil, resuming: DataPosition? = nil) throws(InputError) {
        let objectives = try ObjectiveRecipe.all(of: recipe)
        let queue = queue
        thread = try BackgroundThread {
            do {
                let groups = try groups ?? SourceGroup.open(recipe, objectives: objectives) { if queue.hasBeenClosed { throw Stopped() } }
                var maker = try SequenceMaker(recipe, groups, objectives, resuming: resuming)
                guard queue.put(.opened(groups, maker.position)) else { return }
                while true {
                    var sequences: [TrainingSequence] = []
                    while sequences.count < micro, let sequence = try maker.next() { sequences.append(sequence) }
                    guard !sequences.isEmpty, queue.put(.batch(TrainingBatch(sequences: sequences), maker.position)) else { break }
                }
            } catch let error as InputError {
                _ = queue.put(.failure(error))
            } catch {}
            queue.close()
        }
    }

    deinit {
        queue.close()
        thread.join()
    }

    private static func summary(_ groups: [SourceGroup]) -> Summary {
        Summary(
            documents: groups.reduce(0) { $0 + $1.corpus.documents }, tokens: groups.reduce(0) { $0 + $1.corpus.count },
            sequences: groups.reduce(0) { $0 + $1.plan.count }, notes: groups.flatMap(\.notes))
    }

    /// Waits until the data are open.
    package func summary() throws(InputError) -> Summary { try open().summary }

    /// The data, once they are open.
    func groups() throws(InputError) -> [SourceGroup] { try open().groups }

    private func open() throws(InputError) -> (groups: [SourceGroup], summary: Summary) {
        if let opened { return opened }
        if let failure { throw failure }
        switch queue.take() {
        case .opened(let groups, let position)?:
            let opened = (groups, Self.summary(groups))
            (self.opened, reached) = (opened, position)
            return opened
        case .failure(let error)?:
            failure = error
            throw error
        case .batch?, nil: fatalError("the first item is the data or an error")
        }
    }

    /// The next sequences, `micro` of them; fewer and then nil at the end of data that are read once.
    package func next() throws(InputError) -> TrainingBatch? {
        _ = try open()
        if let failure { throw failure }
        switch queue.take() {
        case .batch(let batch, let position)?:
            reached = position
            return batch
        case .failure(let error)?:
            failure = error
            throw error
        case .opened?, nil: return nil
        }
    }

    /// Behind the batch that `next` gave last; what was made ahead is not part of it.
    package func position() throws(InputError) -> DataPosition {
        _ = try open()
        return reached
    }
}
