import ApusBase
import Glibc

/// A folder that goes with the object, and all that is in it.
final class ScratchFolder {
    let path: String

    /// - Parameter memory: on a file system in memory, where there is one.
    init(memory: Bool = false) {
        let base = memory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(base)/apus-training-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        for name in fileNames(inFolder: path) where isFolder(path + "/" + name) { remove(path + "/" + name) }
        removeFolder(path)
    }
}
