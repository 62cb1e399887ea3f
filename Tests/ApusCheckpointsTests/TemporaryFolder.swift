import ApusBase
import Glibc

/// A folder that goes with the object, and the files in it.
final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/apus-checkpoints-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit {
        for name in names { unlink(path + "/" + name) }
        rmdir(path)
    }

    /// Of the files in it, sorted.
    var names: [String] { fileNames(inFolder: path).sorted() }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = try AtomicFile(path: path + "/" + name)
        try file.write(bytes)
        try file.commit()
        return file.path
    }
}
