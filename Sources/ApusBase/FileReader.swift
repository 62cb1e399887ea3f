import Glibc

/// A file read at given offsets, from several threads if need be.
///
/// Reads copy instead of mapping: a file that shrinks while it is open is then an error and not a signal.
package final class FileReader: Sendable {
    package let path: String
    /// Bytes in the file when it was opened.
    package let byteCount: Int
    private let descriptor: Int32

    package init(path: String) throws(InputError) {
        // A FIFO without a writer would be waited for; regular files do not know the flag.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw InputError(path, "cannot be opened: \(systemMessage(errno))", remedy: "check the path and its permissions")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw InputError(path, "is not a regular file", remedy: "give the path of a file")
        }
        self.path = path
        self.descriptor = descriptor
        byteCount = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// Fills `buffer` with the bytes from `offset`. A range that is not in the file is an error.
    package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(InputError) {
        guard let start = buffer.baseAddress, buffer.count > 0 else { return }
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, start + done, buffer.count - done, off_t(offset + done))
            if count > 0 {
                done += count
            } else if count < 0 && errno == EINTR {
                continue
            } else if count < 0 {
                throw InputError(path, at: "byte \(offset + done)", "cannot be read: \(systemMessage(errno))")
            } else {
                throw InputError(
                    path, at: "byte \(offset + done)", "the file ends, but bytes up to \(offset + buffer.count) are needed",
                    remedy: "it is truncated or shrank while it was read; fetch or write it again")
            }
        }
    }

    /// The bytes of a range.
    package func bytes(at offset: Int, count: Int) throws(InputError) -> [UInt8] {
        var failure: InputError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(InputError) {
                try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
                initialized = count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The whole of a file, which may not be larger than `limit` bytes.
    package static func contents(of path: String, limit: Int = 1 << 30) throws(InputError) -> [UInt8] {
        let file = try FileReader(path: path)
        guard file.byteCount <= limit else {
            throw InputError(path, "has \(file.byteCount) bytes; at most \(limit) are read here")
        }
        return try file.bytes(at: 0, count: file.byteCount)
    }
}

/// The system's words for an error number.
package func systemMessage(_ code: Int32) -> String { String(cString: strerror(code)) }

/// Whether a path names something.
package func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// The path, or if it names something the first of `PATH-2`, `PATH-3` … that does not.
package func freePath(_ path: String) -> String {
    var free = path, number = 1
    while fileExists(free) {
        number += 1
        free = "\(path)-\(number)"
    }
    return free
}

/// Whether a path names a folder.
package func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// What a folder holds, without `.` and `..` and in no order; nothing where the path names no folder that can be read.
package func fileNames(inFolder path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(cString: $0.assumingMemoryBound(to: CChar.self).baseAddress!) }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}
