import Glibc

/// Hands elements from one thread to another, in order, a few at a time.
final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
    private let limit: Int
    private var elements: [Element] = []
    private var isClosed = false
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(limit: Int) {
        self.limit = limit
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Waits for room; false when the queue has been closed.
    func put(_ element: Element) -> Bool {
        locked {
            while elements.count >= limit, !isClosed { pthread_cond_wait(changed, mutex) }
            guard !isClosed else { return false }
            elements.append(element)
            pthread_cond_broadcast(changed)
            return true
        }
    }

    /// Waits for an element; nil when the queue has been closed and is empty.
    func take() -> Element? {
        locked {
            while elements.isEmpty, !isClosed { pthread_cond_wait(changed, mutex) }
            guard !elements.isEmpty else { return nil }
            defer { pthread_cond_broadcast(changed) }
            return elements.removeFirst()
        }
    }

    /// Takes no more elements.
    func close() {
        locked {
            isClosed = true
            pthread_cond_broadcast(changed)
        }
    }

    var hasBeenClosed: Bool { locked { isClosed } }
}
