import ApusBase
import Glibc

/// A command in a process of its own, whose output goes to a file.
final class ProbeProcess {
    struct Failure: Error { let code: Int32 }

    private let process: pid_t
    private let outputPath: String
    private var hasEnded = false

    /// `checkpoint-probe`, beside the test bundle.
    static let probe: String = {
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        return parentFolder(String(decoding: path[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)) + "/checkpoint-probe"
    }()

    init(_ command: [String]) throws {
        var template = Array("/tmp/apus-probe-XXXXXX".utf8CString)
        close(mkstemp(&template))
        outputPath = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_APPEND, 0)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var words = command.map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, command[0], &actions, nil, &words, environ)
        self.process = process
        guard code == 0 else { throw Failure(code: code) }
    }

    deinit {
        if !hasEnded {
            kill()
            _ = wait()
        }
        unlink(outputPath)
    }

    var output: String { (try? String(decoding: FileReader.contents(of: outputPath), as: UTF8.self)) ?? "" }

    func kill() { _ = Glibc.kill(process, SIGKILL) }

    /// The exit code, or minus the number of the signal that ended it.
    func wait() -> Int32 {
        var status: Int32 = 0
        waitpid(process, &status, 0)
        hasEnded = true
        return status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
    }

    /// Waits until its output has a text; false if it has not within ten seconds.
    func wait(for text: String) -> Bool {
        for _ in 0..<2000 {
            if output.contains(text) { return true }
            usleep(5000)
        }
        return false
    }

    /// The exit code and output of a command that ends by itself.
    static func run(_ command: [String]) throws -> (code: Int32, output: String) {
        let process = try ProbeProcess(command)
        let code = process.wait()
        return (code, process.output)
    }
}
