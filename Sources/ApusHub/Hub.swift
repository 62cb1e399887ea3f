import ApusBase
import Glibc

/// Fetches repositories into the cache.
package struct Hub: Sendable {
    /// How far a pull is.
    package struct Progress: Sendable {
        package var file: String
        /// Bytes in place, those of earlier runs included.
        package var byteCount: Int
        package var totalByteCount: Int
    }

    /// What a pull made.
    package struct Snapshot: Sendable {
        package let path: String
        package let commit: String
        package let files: [String]
        package let byteCount: Int
        /// Bytes that came over the network; 0 where all was in the cache.
        package let fetchedByteCount: Int
    }

    private let configuration: HubConfiguration
    private let cache: HubCache

    package init(_ configuration: HubConfiguration) {
        self.configuration = configuration
        cache = HubCache(folder: configuration.cacheFolder)
    }

    /// Fetches the files that running the model takes, or those that match a pattern of `include`, as far as the cache lacks them.
    ///
    /// A file appears in the snapshot when it is whole and its checksum agrees; a partial one stays for the next run. The API and
    /// the layout are those of `huggingface_hub` (`GET /api/models/ID/revision/R`, `HEAD` and `GET /ID/resolve/COMMIT/FILE`).
    /// - Throws: `InputError`, or `CancellationError` if the task was cancelled.
    package func pull(
        _ repository: RepositoryID, revision: String = "main", include: [String] = [], progress: @Sendable (Progress) -> Void = { _ in }
    ) async throws -> Snapshot {
        guard isInnerPath(revision) else { throw InputError("--revision", "\"\(revision)\" is no branch, tag or commit") }
        guard !configuration.isOffline else {
            throw InputError("\(repository)", "nothing is fetched while HF_HUB_OFFLINE is set", remedy: "unset it and run the command again")
        }
        let connection = HubConnection(configuration)
        do {
            let snapshot = try await pull(repository, revision, include, connection, progress)
            try? await connection.client.shutdown()
            return snapshot
        } catch {
            try? await connection.client.shutdown()
            throw Task.isCancelled ? CancellationError() : error
        }
    }

    private func pull(
        _ repository: RepositoryID, _ revision: String, _ include: [String], _ connection: HubConnection, _ progress: @Sendable (Progress) -> Void
    ) async throws -> Snapshot {
        let tree = try await connection.tree(repository, revision: revision)
        var files: [RemoteFile] = []
        for name in try FileSelection.choose(from: tree.names, include: include, repository: repository) {
            files.append(try await connection.describe(name, in: repository, commit: tree.commit))
        }
        try checkSpace(for: files, repository)
        var state = Progress(file: "", byteCount: 0, totalByteCount: files.reduce(0) { $0 + $1.byteCount })
        var fetched = 0
        for file in files {
            state.file = file.name
            let blob = cache.blobPath(repository, etag: file.etag)
            let lock = try await FileLock(path: cache.lockPath(repository, etag: file.etag))
            if fileExists(blob) {
                state.byteCount += file.byteCount
            } else {
                let partial = try PartialFile(path: blob + ".incomplete", for: file)
                state.byteCount += partial.byteCount
                progress(state)
                try await connection.fill(partial, from: file) { count in
                    state.byteCount += count
                    fetched += max(count, 0)
                    progress(state)
                }
                try partial.commit(to: blob)
            }
            try cache.link(file.name, to: file.etag, in: repository, commit: tree.commit)
            progress(state)
            withExtendedLifetime(lock) {}
        }
        try cache.setReference(revision, to: tree.commit, in: repository)
        return Snapshot(
            path: cache.snapshotFolder(repository, commit: tree.commit), commit: tree.commit, files: files.map(\.name),
            byteCount: state.totalByteCount, fetchedByteCount: fetched)
    }

    /// Refuses to start what the disk has no room for.
    private func checkSpace(for files: [RemoteFile], _ repository: RepositoryID) throws(InputError) {
        let folder = parentFolder(cache.blobPath(repository, etag: ""))
        try makeFolder(folder)
        var needed = 0
        for file in files where !fileExists(cache.blobPath(repository, etag: file.etag)) {
            var status = stat()
            let (sum, overflow) = needed.addingReportingOverflow(file.byteCount)
            guard !overflow else { throw InputError("\(repository)", "the server states impossible sizes") }
            needed = sum
            if stat(cache.blobPath(repository, etag: file.etag) + ".incomplete", &status) == 0 { needed -= min(Int(status.st_size), file.byteCount) }
        }
        var space = statvfs()
        guard statvfs(folder, &space) == 0 else { return }
        let free = Int(clamping: UInt64(space.f_bavail) * UInt64(space.f_frsize))
        guard needed <= free else {
            throw InputError(
                folder, "\(needed >> 20) MiB are needed, but only \(free >> 20) MiB are free",
                remedy: "free some space, or set HF_HOME to a folder on another disk")
        }
    }
}
