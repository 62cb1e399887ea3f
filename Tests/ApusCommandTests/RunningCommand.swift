import Glibc
import Synchronization

/// The release binary at work: its input can be written, its output read as it comes, and signals sent to it.
final class RunningCommand {
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Binaries lie beside the test bundle's own.
    private static let folder: String = {
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        let own = String(decoding: path[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)])
    }()

    /// The command itself, for a shell to run.
    static var path: String { folder + "/apus" }

    /// Held while a pipe is made and its ends are marked, and while a command starts, lest it inherit another's.
    private static let starting = Mutex(())

    private let process: pid_t
    private var input: Int32
    private var outputs: [Int32]
    private var texts: [[UInt8]] = [[], []]
    private var hasEnded = false

    var output: String { String(decoding: texts[0], as: UTF8.self) }
    var errors: String { String(decoding: texts[1], as: UTF8.self) }

    /// - Parameter name: of a binary beside the test bundle, or a path.
    /// - Parameter terminal: give it a terminal for all three streams; what it prints comes back in `output`.
    init(_ arguments: [String], binary name: String = "apus", terminal: Bool = false, standardOutput: String? = nil) throws {
        let binary = name.hasPrefix("/") ? name : Self.folder + "/" + name
        var actions = posix_spawn_file_actions_t(), attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        var defaults = sigset_t()
        sigfillset(&defaults)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        sigemptyset(&defaults)
        posix_spawnattr_setsigmask(&attributes, &defaults)
        var flags = Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
        var inChild: [Int32] = []
        if terminal {
            let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
            var number: Int32 = 0
            guard master >= 0, ioctl(master, 0x4004_5431, &number) == 0, ioctl(master, 0x8004_5430, &number) == 0 else {  // TIOCSPTLCK, TIOCGPTN
                throw Failure(description: "no terminal can be made")
            }
            flags |= 0x80  // POSIX_SPAWN_SETSID: the terminal that is opened next controls the new session
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/pts/\(number)", O_RDWR, 0)
            for stream in [Int32(1), 2] { posix_spawn_file_actions_adddup2(&actions, 0, stream) }
            (input, outputs) = (fcntl(master, F_DUPFD_CLOEXEC, 0), [master])
        } else {
            let pipes = try (0..<3).map { _ in try Self.pipe() }
            inChild = [pipes[0].read, pipes[1].write, pipes[2].write]
            for (stream, end) in inChild.enumerated() { posix_spawn_file_actions_adddup2(&actions, end, Int32(stream)) }
            if let standardOutput { posix_spawn_file_actions_addopen(&actions, 1, standardOutput, O_WRONLY, 0) }
            (input, outputs) = (pipes[0].write, [pipes[1].read, pipes[2].read])
        }
        posix_spawnattr_setflags(&attributes, flags)
        var words = ([binary] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var process: pid_t = 0
        let code = Self.starting.withLock { _ in posix_spawn(&process, binary, &actions, &attributes, &words, environ) }
        inChild.forEach { close($0) }
        self.process = process
        guard code == 0 else { throw Failure(description: "\(binary) cannot be started: \(String(cString: strerror(code)))") }
    }

    deinit {
        if !hasEnded {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        (outputs + [input]).forEach { if $0 >= 0 { close($0) } }
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        try starting.withLock { _ in
            var ends: [Int32] = [0, 0]
            guard Glibc.pipe(&ends) == 0 else { throw Failure(description: "no pipe can be made") }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return (ends[0], ends[1])
        }
    }

    // MARK: Talking to it

    func send(_ text: String) {
        var text = text
        text.withUTF8 { _ = write(input, $0.baseAddress, $0.count) }
    }

    func closeInput() {
        close(input)
        input = -1
    }

    /// Closes the reading end of its standard output.
    func closeOutput() {
        close(outputs[0])
        outputs[0] = -1
    }

    func signal(_ number: Int32) { kill(process, number) }

    /// Reads until `isEnough` holds for the standard output so far.
    func read(until isEnough: (String) -> Bool) throws {
        while !isEnough(output) {
            guard try readMore() else { throw Failure(description: "it ended after \"\(output)\", \"\(errors)\"") }
        }
    }

    /// Reads until `isEnough` holds for the errors so far.
    func readErrors(until isEnough: (String) -> Bool) throws {
        while !isEnough(errors) {
            guard try readMore() else { throw Failure(description: "it ended after \"\(output)\", \"\(errors)\"") }
        }
    }

    /// Reads all there is and waits for the end: the exit code, or minus the number of the signal that killed it.
    func wait() throws -> Int32 {
        while try readMore() {}
        var status: Int32 = 0
        waitpid(process, &status, 0)
        hasEnded = true
        return status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
    }

    /// False at the end of all streams. A command that says nothing for a minute has failed.
    private func readMore() throws -> Bool {
        var polled = outputs.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard polled.contains(where: { $0.fd >= 0 }) else { return false }
        guard poll(&polled, nfds_t(polled.count), 60_000) > 0 else { throw Failure(description: "it hangs after \"\(output)\", \"\(errors)\"") }
        for (index, stream) in polled.enumerated() where stream.revents != 0 {
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = Glibc.read(stream.fd, &buffer, buffer.count)
            if count > 0 {
                texts[index] += buffer[..<count]
            } else {
                close(stream.fd)
                outputs[index] = -1
            }
        }
        return true
    }
}
