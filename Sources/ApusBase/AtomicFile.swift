import Glibc

/// A file that appears whole or not at all: written beside its place, synced, then renamed.
/// Dropping it without `commit()` leaves what was there before, as does a signal that ends the process.
package final class AtomicFile {
    package let path: String
    package private(set) var byteCount = 0
    /// Of the bytes so far; nil unless asked for.
    package private(set) var checksum: CRC32C?
    private let temporary: TemporaryFile
    private var descriptor: Int32
    private var buffer: [UInt8] = []

    package init(path: String, checksummed: Bool = false) throws(InputError) {
        self.path = path
        checksum = checksummed ? CRC32C() : nil
        temporary = TemporaryFile(path: "\(path).\(getpid()).partial")
        descriptor = open(temporary.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw InputError(path, "cannot be written: \(systemMessage(errno))", remedy: "check the folder and its permissions")
        }
        buffer.reserveCapacity(1 << 20)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(InputError) {
        byteCount += bytes.count
        checksum?.update(bytes)
        if buffer.count + bytes.count > 1 << 20 { try flush() }
        if bytes.count >= 1 << 20 { try writeOut(bytes) } else { buffer.append(contentsOf: bytes) }
    }

    package func write(_ bytes: [UInt8]) throws(InputError) {
        var failure: InputError?
        bytes.withUnsafeBytes { (raw) in
            do throws(InputError) { try write(raw) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Writes zeros until the length is a multiple of `alignment`.
    package func pad(to alignment: Int) throws(InputError) {
        let missing = (alignment - byteCount % alignment) % alignment
        try write([UInt8](repeating: 0, count: missing))
    }

    /// Syncs the file and puts it in its place.
    package func commit() throws(InputError) {
        try flush()
        guard fsync(descriptor) == 0, close(descriptor) == 0 else { throw failed(errno) }
        descriptor = -1
        guard rename(temporary.path, path) == 0 else { throw failed(errno) }
        temporary.keep()
        syncFolder(parentFolder(path))
    }

    private func flush() throws(InputError) {
        var failure: InputError?
        buffer.withUnsafeBytes { (raw) in
            do throws(InputError) { try writeOut(raw) } catch { failure = error }
        }
        if let failure { throw failure }
        buffer.removeAll(keepingCapacity: true)
    }

    private func writeOut(_ bytes: UnsafeRawBufferPointer) throws(InputError) {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failed(errno) }
            done += count
        }
    }

    private func failed(_ code: Int32) -> InputError {
        InputError(
            path, "cannot be written: \(systemMessage(code))",
            remedy: [ENOSPC, EDQUOT].contains(code)
                ? "free some space on the disk; what was there before is kept"
                : "check the disk and its permissions")
    }
}
