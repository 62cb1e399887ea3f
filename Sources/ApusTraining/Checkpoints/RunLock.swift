import ApusBase
import Glibc

/// Keeps a second run out of a folder: the file `run.lock` in it, locked as long as this lives, with the process and the machine that hold it.
///
/// The system frees the lock of a process that died, however it died. On file systems without locks the process's number decides: one that
/// does not run any more, on this machine, has lost its right.
final class RunLock {
    private let descriptor: Int32

    /// - Throws: an `InputError` when another run holds the folder, or nothing can be written there.
    init(folder: String) throws(InputError) {
        let path = folder + "/run.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw InputError(folder, "cannot be written: \(systemMessage(errno))", remedy: "check the folder and its permissions, or give another")
        }
        let refusal = flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
        let holder = Holder(Self.text(descriptor))
        guard refusal == 0 || refusal != EWOULDBLOCK && !(holder?.mayRun ?? false) else {
            close(descriptor)
            throw InputError(
                folder, "another run writes there\(holder.map { ": process \($0.process) on \($0.machine)" } ?? "")",
                remedy: "wait for it to end or stop it, or give another folder")
        }
        let own = Array("\(getpid()) \(Holder.thisMachine)\n".utf8)
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, own, own.count, 0) == own.count else {
            let code = errno
            close(descriptor)
            throw InputError(path, "cannot be written: \(systemMessage(code))", remedy: "free some space on the disk, and check the permissions")
        }
    }

    deinit {
        ftruncate(descriptor, 0)
        close(descriptor)
    }

    private static func text(_ descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
    }

    /// Who a lock file names.
    struct Holder: Equatable {
        let process: Int32
        let machine: String

        init?(_ text: String) {
            let words = text.split { $0 == " " || $0 == "\n" }
            guard words.count == 2, let process = Int32(words[0]), process > 0 else { return nil }
            self.process = process
            machine = String(words[1])
        }

        static var thisMachine: String {
            var name = [CChar](repeating: 0, count: 256)
            guard gethostname(&name, name.count - 1) == 0, name[0] != 0 else { return "localhost" }
            return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        /// Processes of other machines cannot be asked for.
        var mayRun: Bool { machine != Self.thisMachine || process != getpid() && (kill(process, 0) == 0 || errno == EPERM) }
    }
}
