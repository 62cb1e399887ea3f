import ApusBase
import Glibc
import NIOHTTP1
import Testing

@testable import ApusHub

@Suite struct PullTests {
    @Test func fillsTheCacheAsHuggingFaceHubLaysItOut() async throws {
        let hub = try await FakeHub()
        let snapshot = try await hub.pull()
        #expect(snapshot.path == hub.snapshot)
        #expect(snapshot.files == ["config.json", "model.safetensors"])
        #expect(snapshot.fetchedByteCount == FakeHub.config.count + FakeHub.weights.count)
        #expect(linkTarget("\(hub.snapshot)/config.json") == "../../blobs/\(FakeHub.configETag)")
        #expect(linkTarget("\(hub.snapshot)/model.safetensors") == "../../blobs/\(FakeHub.weightsETag)")
        #expect(try FileReader.contents(of: "\(hub.snapshot)/model.safetensors") == FakeHub.weights)
        #expect(try FileReader.contents(of: "\(hub.root)/refs/main") == Array(FakeHub.commit.utf8))
        #expect(!fileExists("\(hub.root)/blobs/\(FakeHub.weightsETag).incomplete"))
        #expect(fileExists("\(hub.folder)/.locks/models--org--name/\(FakeHub.weightsETag).lock"))
    }

    @Test func fetchesNothingTwice() async throws {
        let hub = try await FakeHub()
        _ = try await hub.pull()
        #expect(try await hub.pull().fetchedByteCount == 0)
        #expect(hub.storage.requests.count == 1)
    }

    @Test func takesFilesThatMatchInFoldersToo() async throws {
        let hub = try await FakeHub()
        #expect(try await hub.pull(revision: "refs/pr/1", include: ["*.pth"]).files == ["original/model.pth"])
        #expect(linkTarget("\(hub.snapshot)/original/model.pth") == "../../../blobs/\(FakeHub.weightsETag)")
        #expect(try FileReader.contents(of: "\(hub.snapshot)/original/model.pth") == FakeHub.weights)
        #expect(fileExists("\(hub.root)/refs/refs/pr/1"))
        await #expect(throws: InputError.self) { try await hub.pull(include: ["*.onnx"]) }
    }

    @Test func goesOnWhereTheConnectionWasLost() async throws {
        let hub = try await FakeHub { request, count in
            guard request.path == "/blob", count < 2 else { return nil }
            var response = FakeHub.content(FakeHub.weights, request)
            response.cut = 100_000
            return response
        }
        let snapshot = try await hub.pull()
        #expect(try FileReader.contents(of: "\(hub.snapshot)/model.safetensors") == FakeHub.weights)
        #expect(snapshot.fetchedByteCount == FakeHub.config.count + FakeHub.weights.count)
        #expect(hub.storage.requests.map(\.offset) == [0, 100_000, 200_000])
    }

    @Test func keepsWhatWasFetchedForTheNextRun() async throws {
        let hub = try await FakeHub { request, count in
            guard request.path == "/blob", count < 3 else { return nil }
            var response = FakeHub.content(FakeHub.weights, request)
            response.cut = count == 0 ? 150_000 : 0
            return response
        }
        await #expect(throws: InputError.self) { try await hub.pull() }
        #expect(try FileReader(path: "\(hub.root)/blobs/\(FakeHub.weightsETag).incomplete").byteCount == 150_000)
        #expect(!fileExists("\(hub.snapshot)/model.safetensors"))
        #expect(try await hub.pull().fetchedByteCount == 150_000)
        #expect(try FileReader.contents(of: "\(hub.snapshot)/model.safetensors") == FakeHub.weights)
    }

    @Test func startsAnewWhereTheServerKnowsNoRanges() async throws {
        let hub = try await FakeHub { request, count in
            guard request.path == "/blob" else { return nil }
            return FakeServer.Response(body: FakeHub.weights, cut: count == 0 ? 70_000 : nil)
        }
        _ = try await hub.pull()
        #expect(try FileReader.contents(of: "\(hub.snapshot)/model.safetensors") == FakeHub.weights)
    }

    @Test(arguments: ["/blob", "/org/name/resolve/\(FakeHub.commit)/config.json"])
    func refusesContentWithAnotherChecksum(path: String) async throws {
        let hub = try await FakeHub { request, _ in
            guard request.path == path, request.method == .GET else { return nil }
            var body = path == "/blob" ? FakeHub.weights : FakeHub.config
            body[body.count / 2] ^= 1
            return FakeServer.Response(body: body)
        }
        let etag = path == "/blob" ? FakeHub.weightsETag : FakeHub.configETag
        let error = await #expect(throws: InputError.self) { try await hub.pull() }
        #expect(error?.rule.contains("but \(etag) was announced") == true)
        #expect(!fileExists("\(hub.root)/blobs/\(etag)") && !fileExists("\(hub.root)/blobs/\(etag).incomplete"))
        #expect(!fileExists("\(hub.root)/refs/main"))
    }

    @Test func showsTheTokenToTheEndpointOnly() async throws {
        let hub = try await FakeHub()
        _ = try await hub.pull(token: "hf_secret")
        #expect(hub.server.requests.allSatisfy { $0.headers["Authorization"] == ["Bearer hf_secret"] })
        #expect(hub.storage.requests.count == 1)
        #expect(hub.storage.requests.allSatisfy { !$0.headers.contains(name: "Authorization") })
    }

    @Test(arguments: ["../evil", "a/../../evil", "/etc/evil", "a//b", ".", #"a\\b"#, #"a\u0000b"#])
    func refusesNamesThatLeadOutOfTheFolder(name: String) async throws {
        let hub = try await FakeHub(names: ["config.json", "model.safetensors", name])
        let error = await #expect(throws: InputError.self) { try await hub.pull() }
        #expect(error?.rule.contains("leads out of its folder") == true)
        #expect(!isFolder(hub.root))
    }

    @Test(arguments: [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (404, "--revision")])
    func saysWhatToDoWhenRefused(status: Int, remedy: String) async throws {
        let hub = try await FakeHub { _, _ in FakeServer.Response(status: .init(statusCode: status)) }
        let error = await #expect(throws: InputError.self) { try await hub.pull() }
        #expect(error?.rule.contains("\(status)") == true && error?.remedy?.contains(remedy) == true)
        #expect(hub.server.requests.count == 1)
    }

    @Test(arguments: [429, 500, 503])
    func triesAgainWhenTheServerIsBusy(status: Int) async throws {
        let hub = try await FakeHub { request, count in
            count < 2 && request.path != "/blob" ? FakeServer.Response(status: .init(statusCode: status)) : nil
        }
        _ = try await hub.pull()
        #expect(try FileReader.contents(of: "\(hub.snapshot)/model.safetensors") == FakeHub.weights)
        let down = try await FakeHub { _, _ in FakeServer.Response(status: .init(statusCode: status)) }
        let error = await #expect(throws: InputError.self) { try await down.pull() }
        #expect(error?.rule.contains("\(status)") == true)
        #expect(down.server.requests.count == 3)
    }

    @Test(.timeLimit(.minutes(1))) func givesUpOnAnEndpointThatCannotBeReached() async throws {
        var configuration = try HubConfiguration(endpoint: "http://127.0.0.1:9", cacheFolder: "/tmp/apus-hub-unreachable")
        configuration.retryDelays = [.milliseconds(1)]
        let hub = Hub(configuration)
        let error = await #expect(throws: InputError.self) { try await hub.pull(RepositoryID("org/name")!) }
        #expect(error?.rule.contains("2 attempts") == true)
    }

    @Test func asksNobodyWhileOffline() async throws {
        let hub = try await FakeHub()
        let error = await #expect(throws: InputError.self) { try await hub.pull(isOffline: true) }
        #expect(error?.rule.contains("HF_HUB_OFFLINE") == true)
        #expect(hub.server.requests.isEmpty)
    }

    @Test func stopsWhenCancelledAndKeepsWhatItHas() async throws {
        let hub = try await FakeHub { request, _ in
            request.path == "/blob"
                ? FakeServer.Response(headers: ["Content-Length": "\(FakeHub.weights.count)"], body: Array(FakeHub.weights.prefix(1000))) : nil
        }
        let configuration = try hub.configuration(), id = hub.id
        let task = Task { try await Hub(configuration).pull(id) }
        let partial = "\(hub.root)/blobs/\(FakeHub.weightsETag).incomplete"
        while (try? FileReader(path: partial).byteCount) != 1000 { try await Task.sleep(for: .milliseconds(5)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try FileReader(path: partial).byteCount == 1000)
    }
}
