import ApusBase
import Glibc

/// A folder in the layout of `huggingface_hub`: `models--org--name/{blobs/ETAG, refs/REVISION, snapshots/COMMIT/FILE → ../../blobs/ETAG}`.
package struct HubCache: Sendable {
    package let folder: String

    package init(folder: String) { self.folder = folder }

    func repositoryFolder(_ repository: RepositoryID) -> String { "\(folder)/\(repository.folderName)" }

    func blobPath(_ repository: RepositoryID, etag: String) -> String { "\(repositoryFolder(repository))/blobs/\(etag)" }

    func snapshotFolder(_ repository: RepositoryID, commit: String) -> String { "\(repositoryFolder(repository))/snapshots/\(commit)" }

    func lockPath(_ repository: RepositoryID, etag: String) -> String { "\(folder)/.locks/\(repository.folderName)/\(etag).lock" }

    /// The snapshot that a branch, tag or commit stands for, nil if it is not in the cache.
    package func snapshot(_ repository: RepositoryID, revision: String) throws(InputError) -> String? {
        guard isInnerPath(revision) else { throw InputError(revision, "is no revision") }
        let reference = "\(repositoryFolder(repository))/refs/\(revision)"
        var commit = revision
        if fileExists(reference), !isFolder(reference) {
            let text = String(decoding: try FileReader.contents(of: reference, limit: 4096), as: UTF8.self)
            commit = String(text.filter { !$0.isWhitespace })
            guard isHexadecimal(commit, count: 40) else { throw InputError(reference, "holds no commit", remedy: "remove it and pull again") }
        }
        let path = snapshotFolder(repository, commit: commit)
        return isFolder(path) ? path : nil
    }

    /// The file or folder of a model named `org/name[@revision][:file.gguf]`; nil where the text has another form.
    ///
    /// A snapshot with a `config.json` stands for itself, one without for the only GGUF file in it.
    /// - Throws: `InputError` if the cache does not hold the model, or holds several GGUF files and none is named.
    package func modelPath(_ text: String) throws(InputError) -> String? {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let named = parts[0].split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let repository = RepositoryID(String(named[0])) else { return nil }
        let revision = named.count == 2 ? String(named[1]) : "main"
        let command = "apus pull \(repository)" + (named.count == 2 ? " --revision \(revision)" : "")
        guard let snapshot = try snapshot(repository, revision: revision) else {
            throw InputError(text, "there is no such file or folder, and no such model in \(folder)", remedy: "run `\(command)`")
        }
        if parts.count == 2 {
            let file = String(parts[1])
            guard isInnerPath(file), fileExists("\(snapshot)/\(file)") else {
                throw InputError(text, "\(file) is not in the cache", remedy: "run `\(command) --include \(file)`")
            }
            return "\(snapshot)/\(file)"
        }
        if fileExists("\(snapshot)/config.json"), try names(in: snapshot).contains(where: { $0.hasSuffix(".safetensors") }) { return snapshot }
        let files = try names(in: snapshot).filter { $0.hasSuffix(".gguf") }
        guard files.count < 2 else {
            throw InputError(text, "the cache holds several .gguf files of it", remedy: "name one: " + files.map { "\(text):\($0)" }.joined(separator: ", "))
        }
        return files.first.map { "\(snapshot)/\($0)" } ?? snapshot
    }

    private func names(in folder: String) throws(InputError) -> [String] {
        guard let stream = opendir(folder) else { throw InputError(folder, "cannot be read: \(systemMessage(errno))") }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } })
        }
        return names.sorted()
    }

    // MARK: Writing

    /// Makes a file of a snapshot point at its blob.
    func link(_ name: String, to etag: String, in repository: RepositoryID, commit: String) throws(InputError) {
        let path = "\(snapshotFolder(repository, commit: commit))/\(name)"
        try makeFolder(parentFolder(path))
        let depth = name.split(separator: "/").count + 1
        let target = String(repeating: "../", count: depth) + "blobs/\(etag)"
        let temporary = "\(path).\(getpid()).link"
        unlink(temporary)
        guard symlink(target, temporary) == 0, rename(temporary, path) == 0 else {
            let code = errno
            unlink(temporary)
            throw InputError(path, "cannot be written: \(systemMessage(code))", remedy: "check the folder and its permissions")
        }
    }

    /// Notes which commit a branch or tag stands for.
    func setReference(_ revision: String, to commit: String, in repository: RepositoryID) throws(InputError) {
        guard revision != commit else { return }
        let path = "\(repositoryFolder(repository))/refs/\(revision)"
        try makeFolder(parentFolder(path))
        let file = try AtomicFile(path: path)
        try file.write(Array(commit.utf8))
        try file.commit()
    }
}

/// Makes a folder and those above it where they are missing.
func makeFolder(_ path: String) throws(InputError) {
    if isFolder(path) { return }
    if path.contains("/"), parentFolder(path) != path { try makeFolder(parentFolder(path)) }
    guard mkdir(path, 0o755) == 0 || errno == EEXIST, isFolder(path) else {
        throw InputError(
            path, "the folder cannot be made: \(systemMessage(errno))", remedy: "check the permissions, or set HF_HOME to a folder that you may write to")
    }
}
