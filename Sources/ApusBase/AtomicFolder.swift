import Glibc

/// A new folder of files that appears whole or not at all: filled beside its place, then renamed.
/// Dropping it without `commit()` removes what was written.
package final class AtomicFolder {
    package let path: String
    /// Where files are to be written.
    package let temporaryPath: String
    private var isCommitted = false
    private var subfolders: [String] = []

    private let isReplacing: Bool

    /// - Parameter replacing: a folder that is there already gives way to the new one, its files with it.
    /// - Throws: an `InputError` when the path names something other than a folder that may be written, or nothing can be written there.
    package init(path: String, replacing: Bool = false) throws(InputError) {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
        isReplacing = replacing
        temporaryPath = "\(path).\(getpid()).partial"
        if fileExists(path) {
            guard isFolder(path) else { throw InputError(path, "is a file, where a folder is to be written", remedy: "give another name") }
            guard replacing || fileNames(inFolder: path).isEmpty else {
                throw InputError(path, "holds files already", remedy: "give a new folder's name, or empty it")
            }
        }
        guard mkdir(temporaryPath, 0o755) == 0 else {
            throw InputError(path, "cannot be written: \(systemMessage(errno))", remedy: "check the folder and its permissions")
        }
    }

    deinit {
        guard !isCommitted else { return }
        for folder in subfolders.map({ temporaryPath + "/" + $0 }) + [temporaryPath] { removeFolder(folder) }
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

    /// Puts the folder in its place and has its name written to the disk, as the names in it.
    ///
    /// One that was there is called `PATH.replaced` for an instant; whoever finds that and no `PATH` should give it its name back.
    package func commit() throws(InputError) {
        for folder in subfolders.map({ temporaryPath + "/" + $0 }) + [temporaryPath] { syncFolder(folder) }
        // One that was there earlier stays, if folders had been put into it.
        let aside = freePath(path + ".replaced")
        let isReplaced = isReplacing && rename(path, aside) == 0
        guard rename(temporaryPath, path) == 0 else {
            let code = errno
            if isReplaced { rename(aside, path) }
            throw InputError(path, "cannot be written: \(systemMessage(code))", remedy: "give a new folder's name")
        }
        isCommitted = true
        syncFolder(parentFolder(path))
        if isReplaced { for folder in subfolders.map({ aside + "/" + $0 }) + [aside] { removeFolder(folder) } }
    }
}
