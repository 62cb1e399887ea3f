import ApusBase
import Glibc
import Synchronization

/// Work that a signal ended; the process exits with 128 + its number.
struct Interruption: Error {
    let signal: Int32
}

/// SIGINT and SIGTERM. As a rule they end the process at once with 130 and 143: text is written piece by piece, so nothing is half
/// done, and files that are not finished go. Work that has something to finish runs inside `gracefully`, where the first signal is only noted.
enum Interrupts {
    private static let isGraceful = Atomic<Bool>(false)
    private static let noted = Atomic<Int32>(0)

    static func install() {
        noted.store(0, ordering: .relaxed)  // nothing may be initialised inside the handler
        isGraceful.store(false, ordering: .relaxed)
        TemporaryFile.removeAll()
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { signal in
            if Interrupts.isGraceful.load(ordering: .relaxed),
                Interrupts.noted.compareExchange(expected: 0, desired: signal, ordering: .relaxed).exchanged
            {
                return
            }
            TemporaryFile.removeAll()
            if isatty(2) == 1 { _ = write(2, "\n", 1) }
            _exit(128 + signal)
        }
        action.sa_flags = SA_RESTART
        for signal in [SIGINT, SIGTERM] { sigaction(signal, &action, nil) }
        // A closed pipe is seen where text is written.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Runs work that asks for `pending` or calls `check` now and then. A second signal ends the process all the same.
    static func gracefully<Result>(_ body: () throws -> Result) rethrows -> Result {
        noted.store(0, ordering: .relaxed)
        isGraceful.store(true, ordering: .relaxed)
        defer { isGraceful.store(false, ordering: .relaxed) }
        return try body()
    }

    /// The signal that came during `gracefully`.
    static var pending: Int32? {
        let signal = noted.load(ordering: .relaxed)
        return signal == 0 ? nil : signal
    }

    static func check() throws(Interruption) {
        if let signal = pending { throw Interruption(signal: signal) }
    }
}
