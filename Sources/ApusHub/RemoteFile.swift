import ApusBase
import AsyncHTTPClient
import NIOCore

/// A file of a repository as the server describes it.
struct RemoteFile: Sendable {
    let name: String
    let address: WebAddress
    /// The content's checksum, which names the blob.
    let etag: String
    let byteCount: Int
}

/// The commit that a revision stands for, and the files in it.
struct RemoteTree: Sendable {
    let commit: String
    let names: [String]
}

extension HubConnection {
    private static let answerLimit = 64 << 20

    func tree(_ repository: RepositoryID, revision: String) async throws -> RemoteTree {
        let subject = "\(repository) at \(revision)"
        let address = address("/api/models/\(repository)/revision/\(WebAddress.encoded(revision))")
        let bytes = try await configuration.retrying(subject) {
            let response = try await send(.GET, address)
            guard response.status.code == 200 else { throw Self.failure(response, subject, hasToken: configuration.token != nil) }
            do {
                return Array((try await response.body.collect(upTo: Self.answerLimit)).readableBytesView)
            } catch is NIOTooManyBytesError {
                throw InputError(subject, "the server's answer is longer than \(Self.answerLimit) bytes", remedy: "check HF_ENDPOINT")
            } catch {
                throw Self.transient(error)
            }
        }
        let answer = try JSON(parsing: bytes, subject: address.text)
        guard let commit = answer["sha"]?.string, isHexadecimal(commit, count: 40), let siblings = answer["siblings"]?.array else {
            throw InputError(address.text, "the answer is no description of a repository", remedy: "check HF_ENDPOINT")
        }
        var names: [String] = []
        for sibling in siblings {
            guard let name = sibling["rfilename"]?.string, isInnerPath(name) else {
                throw InputError(subject, "lists a file whose name leads out of its folder", remedy: "nothing was fetched; the repository is not to be trusted")
            }
            names.append(name)
        }
        return RemoteTree(commit: commit, names: names)
    }

    func describe(_ name: String, in repository: RepositoryID, commit: String) async throws -> RemoteFile {
        let subject = "\(repository)/\(name)"
        let address = address("/\(repository)/resolve/\(commit)/\(WebAddress.encoded(name, keepingSlashes: true))")
        return try await configuration.retrying(subject) {
            // What is stored elsewhere is described by the redirect that leads there.
            let response = try await send(.HEAD, address) { response, isForeign in isForeign || response.headers.contains(name: "X-Linked-Etag") }
            guard (200..<400).contains(response.status.code) else { throw Self.failure(response, subject, hasToken: configuration.token != nil) }
            let headers = response.headers
            var etag = headers.first(name: "X-Linked-Etag") ?? headers.first(name: "ETag") ?? ""
            if etag.hasPrefix("W/") { etag.removeFirst(2) }
            etag = etag.filter { $0 != "\"" }
            let length = headers.first(name: "X-Linked-Size") ?? (response.status.code == 200 ? headers.first(name: "Content-Length") : nil)
            guard let byteCount = length.flatMap({ Int($0) }), byteCount >= 0, ContentDigest(etag: etag, byteCount: byteCount) != nil else {
                throw InputError(subject, "the server states no checksum or size that can be checked", remedy: "check HF_ENDPOINT")
            }
            if let stated = headers.first(name: "X-Repo-Commit"), stated != commit {
                throw InputError(subject, "the server answers for commit \(stated), not \(commit)", remedy: "check HF_ENDPOINT")
            }
            return RemoteFile(name: name, address: address, etag: etag, byteCount: byteCount)
        }
    }
}
