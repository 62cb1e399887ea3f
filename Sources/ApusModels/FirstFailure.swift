import ApusBase
import Synchronization

/// The first error of tasks that run on several threads.
final class FirstFailure: Sendable {
    private let error = Mutex<InputError?>(nil)

    func catching(_ body: () throws(InputError) -> Void) {
        do throws(InputError) { try body() } catch { self.error.withLock { $0 = $0 ?? error } }
    }

    /// Throws it, if there is one.
    func check() throws(InputError) {
        if let error = error.withLock({ $0 }) { throw error }
    }
}
