import ApusBase
import Crypto
import FoundationEssentials
import Glibc
import NIOHTTP1
import Synchronization

@testable import ApusHub

/// A hub with one repository, whose large files lie on a second server, as they do at huggingface.co; and an empty cache.
final class FakeHub: Sendable {
    static let commit = String(repeating: "c0ffee11", count: 5)
    static let config = Array(#"{"model_type": "llama"}"#.utf8)
    static let weights = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }

    /// What deviates from the ordinary: given the request and how often the same was made before, an answer or nil.
    typealias Override = @Sendable (FakeServer.Request, Int) -> FakeServer.Response?

    let server: FakeServer
    let storage: FakeServer
    let folder: String

    init(names: [String] = ["config.json", "model.safetensors", "README.md", "original/model.pth"], override: @escaping Override = { _, _ in nil }) async throws
    {
        let counts = Counts()
        let storage = try await FakeServer { request in
            override(request, counts.next(request)) ?? Self.content(Self.weights, request)
        }
        let port = storage.port
        server = try await FakeServer { request in
            override(request, counts.next(request)) ?? Self.answer(request, names, "http://127.0.0.1:\(port)")
        }
        self.storage = storage
        var template = Array("/tmp/apus-hub-XXXXXX".utf8CString)
        folder = String(cString: mkdtemp(&template))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private final class Counts: Sendable {
        private let counts = Mutex<[String: Int]>([:])

        func next(_ request: FakeServer.Request) -> Int {
            counts.withLock { counts in
                defer { counts["\(request.method) \(request.path)", default: 0] += 1 }
                return counts["\(request.method) \(request.path)", default: 0]
            }
        }
    }

    let id = RepositoryID("org/name")!
    var root: String { "\(folder)/models--org--name" }
    var snapshot: String { "\(root)/snapshots/\(Self.commit)" }
    static var weightsETag: String { hexadecimal(SHA256.hash(data: weights)) }
    static var configETag: String { hexadecimal(Insecure.SHA1.hash(data: Array("blob \(config.count)\0".utf8) + config)) }

    func pull(revision: String = "main", include: [String] = [], token: String? = nil, isOffline: Bool = false) async throws -> Hub.Snapshot {
        try await Hub(configuration(token: token, isOffline: isOffline)).pull(id, revision: revision, include: include)
    }

    func configuration(token: String? = nil, isOffline: Bool = false) throws -> HubConfiguration {
        var configuration = try HubConfiguration(endpoint: server.endpoint, token: token, cacheFolder: folder, isOffline: isOffline)
        configuration.retryDelays = [.milliseconds(1), .milliseconds(1)]
        return configuration
    }

    static func answer(_ request: FakeServer.Request, _ names: [String], _ storage: String) -> FakeServer.Response {
        switch request.path {
        case "/api/models/org/name/revision/main", "/api/models/org/name/revision/refs%2Fpr%2F1":
            let siblings = names.map { #"{"rfilename": "\#($0)"}"# }.joined(separator: ", ")
            return FakeServer.Response(body: Array(#"{"sha": "\#(commit)", "siblings": [\#(siblings)]}"#.utf8))
        case "/org/name/resolve/\(commit)/config.json":
            var response = content(config, request)
            response.headers.add(name: "ETag", value: "W/\"\(configETag)\"")
            response.headers.add(name: "X-Repo-Commit", value: commit)
            return response
        case let path where path.hasPrefix("/org/name/resolve/\(commit)/"):
            return FakeServer.Response(
                status: .found,
                headers: [
                    "Location": storage + "/blob", "X-Linked-ETag": "\"\(weightsETag)\"", "X-Linked-Size": "\(weights.count)", "X-Repo-Commit": commit,
                ])
        default: return FakeServer.Response(status: .notFound)
        }
    }

    static func content(_ bytes: [UInt8], _ request: FakeServer.Request) -> FakeServer.Response {
        let offset = request.offset
        if request.method == .HEAD { return FakeServer.Response(headers: ["Content-Length": "\(bytes.count)"]) }
        guard offset > 0 else { return FakeServer.Response(body: bytes) }
        return FakeServer.Response(
            status: .partialContent, headers: ["Content-Range": "bytes \(offset)-\(bytes.count - 1)/\(bytes.count)"], body: Array(bytes[offset...]))
    }
}

func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

func linkTarget(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count) }
    return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
}
