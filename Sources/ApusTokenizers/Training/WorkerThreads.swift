import Glibc

/// Runs a body on several threads at once.
package enum WorkerThreads {
    private final class Job {
        let index: Int
        let body: @Sendable (Int) -> Void

        init(_ index: Int, _ body: @escaping @Sendable (Int) -> Void) {
            self.index = index
            self.body = body
        }
    }

    /// Calls `body(0)` … `body(count - 1)`, each on a thread of its own where one can be had, and returns when all have returned.
    package static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        var threads: [pthread_t] = []
        for index in 1..<max(1, count) {
            let job = Unmanaged.passRetained(Job(index, body))
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { argument in
                    let job = Unmanaged<Job>.fromOpaque(argument!).takeRetainedValue()
                    job.body(job.index)
                    return nil
                }, job.toOpaque())
            if code == 0 {
                threads.append(thread)
            } else {
                job.release()
                body(index)
            }
        }
        body(0)
        for thread in threads { pthread_join(thread, nil) }
    }
}
