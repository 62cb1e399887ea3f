import ApusBase
import Glibc

/// Work on a thread of its own.
final class BackgroundThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private var thread = pthread_t()

    init(_ run: @escaping @Sendable () -> Void) throws(InputError) {
        let body = Unmanaged.passRetained(Body(run))
        let code = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            body.release()
            throw InputError("the processor", "a thread could not be started: \(systemMessage(code))")
        }
    }

    /// Waits until the work is done; must be called once.
    func join() { pthread_join(thread, nil) }
}
