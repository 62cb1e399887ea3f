import ApusBase
import Glibc

/// A file that grows over several attempts, with the checksum of what is in it; kept when dropped, so that a later run goes on with it.
final class PartialFile {
    let path: String
    private let remote: RemoteFile
    private let descriptor: Int32
    private var digest: ContentDigest
    private(set) var byteCount = 0

    /// Opens or makes the file and reads what an earlier run left in it.
    init(path: String, for remote: RemoteFile) throws {
        self.path = path
        self.remote = remote
        digest = ContentDigest(etag: remote.etag, byteCount: remote.byteCount)!
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw InputError(path, "cannot be written: \(systemMessage(errno))", remedy: "check the permissions") }
        let existing = try FileReader(path: path)
        let reusable = existing.byteCount <= remote.byteCount ? existing.byteCount : 0
        if reusable < existing.byteCount { try restart() }
        while byteCount < reusable {
            try Task.checkCancellation()
            let bytes = try existing.bytes(at: byteCount, count: min(1 << 22, reusable - byteCount))
            bytes.withUnsafeBytes { digest.update($0) }
            byteCount += bytes.count
        }
    }

    deinit { close(descriptor) }

    var isComplete: Bool { byteCount == remote.byteCount }

    /// Forgets what is in the file.
    func restart() throws(InputError) {
        guard ftruncate(descriptor, 0) == 0 else { throw failed(errno) }
        digest = ContentDigest(etag: remote.etag, byteCount: remote.byteCount)!
        byteCount = 0
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(InputError) {
        guard bytes.count <= remote.byteCount - byteCount else {
            try restart()
            throw InputError(remote.address.text, "the server sends more than the \(remote.byteCount) bytes it announced", remedy: "try again later")
        }
        var done = 0
        while done < bytes.count {
            let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(byteCount + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failed(errno) }
            done += count
        }
        digest.update(bytes)
        byteCount += bytes.count
    }

    /// Checks the content and puts the file in its place.
    func commit(to target: String) throws(InputError) {
        let found = digest.text
        guard found == remote.etag else {
            unlink(path)
            throw InputError(
                remote.address.text, "the content has the \(digest.name) \(found), but \(remote.etag) was announced",
                remedy: "what was fetched was removed; run the command again")
        }
        guard fsync(descriptor) == 0, rename(path, target) == 0 else { throw failed(errno) }
    }

    private func failed(_ code: Int32) -> InputError {
        InputError(
            path, "cannot be written: \(systemMessage(code))",
            remedy: code == ENOSPC ? "free some space on the disk and run the command again; it goes on from here" : "check the disk and its permissions")
    }
}
