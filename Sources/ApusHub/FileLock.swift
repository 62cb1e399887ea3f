import ApusBase
import Glibc

/// Keeps other processes, `huggingface_hub` among them, from fetching the same file; freed when dropped.
final class FileLock {
    private let descriptor: Int32

    /// Waits until the lock is free.
    /// - Throws: `CancellationError`, or `InputError` if the file cannot be made.
    init(path: String) async throws {
        try makeFolder(parentFolder(path))
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw InputError(path, "cannot be written: \(systemMessage(errno))", remedy: "check the permissions") }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else { return }  // a file system without locks
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    deinit { close(descriptor) }
}
