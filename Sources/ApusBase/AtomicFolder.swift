import Glibc

/// A new folder of files that appears whole or not at all: filled beside its place, then renamed.
/// Dropping it without `commit()` removes what was written.
package final class AtomicFolder {
    package let path: String
    /// Where files are to be written.
    package let temporaryPath: String
    private var isCommitted = false
    private var subfolders: [String] = []

    /// - Throws: an `InputError` when the path names something other than an empty folder, or nothing can be written there.
    package init(path: String) throws(InputError) {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
        temporaryPath = "\(path).\(getpid()).partial"
        if fileExists(path) {
            guard isFolder(path) else { throw InputError(path, "is a file, where a folder is to be written", remedy: "give another name") }
            guard fileNames(inFolder: path).isEmpty else { throw InputError(path, "holds files already", remedy: "give a new folder's name, or empty it") }
        }
        guard mkdir(temporaryPath, 0o755) == 0 else {
            throw InputError(path, "cannot be written: \(systemMessage(errno))", remedy: "check the folder and its permissions")
        }
    }

    deinit {
        guard !isCommitted else { return }
        for folder in subfolders.map({ temporaryPath + "/" + $0 }) + [temporaryPath] {
            for name in fileNames(inFolder: folder) { unlink(folder + "/" + name) }
            rmdir(folder)
        }
    }

    /// Makes a folder in it.
    package func makeSubfolder(_ name: String) throws(InputError) {
        guard mkdir(temporaryPath + "/" + name, 0o755) == 0 else {
            throw InputError(path + "/" + name, "cannot be written: \(systemMessage(errno))", remedy: "check the folder and its permissions")
        }
        subfolders.append(name)
    }

    /// Writes a file of text and returns its bytes.
    package func write(_ name: String, _ text: String) throws(InputError) -> Int {
        let file = try AtomicFile(path: temporaryPath + "/" + name)
        try file.write(Array(text.utf8))
        try file.commit()
        return file.byteCount
    }

    /// Puts the folder in its place.
    package func commit() throws(InputError) {
        guard rename(temporaryPath, path) == 0 else {
            throw InputError(path, "cannot be written: \(systemMessage(errno))", remedy: "give a new folder's name")
        }
        isCommitted = true
    }
}
