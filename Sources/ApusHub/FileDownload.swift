import ApusBase
import AsyncHTTPClient
import NIOCore

extension HubConnection {
    /// Fetches a file into a partial file until it is whole, going on where a connection was lost.
    func fill(_ partial: PartialFile, from file: RemoteFile, _ moved: (Int) -> Void) async throws {
        var failures = 0
        while !partial.isComplete {
            let before = partial.byteCount
            do {
                try await fetchOnce(partial, file, moved)
            } catch let failure as TransientFailure {
                if partial.byteCount > before { failures = 0 }
                guard failures < configuration.retryDelays.count else { throw configuration.giveUp(file.address.text, failure) }
                try await Task.sleep(for: max(configuration.retryDelays[failures], failure.retryAfter ?? .zero))
                failures += 1
            }
        }
    }

    private func fetchOnce(_ partial: PartialFile, _ file: RemoteFile, _ moved: (Int) -> Void) async throws {
        let offset = partial.byteCount
        let response = try await send(.GET, file.address, from: offset)
        switch response.status.code {
        case 200:
            if offset > 0 {
                moved(-offset)
                try partial.restart()
            }
        case 206 where offset > 0 && response.headers.first(name: "Content-Range")?.hasPrefix("bytes \(offset)-") == true: break
        case 206, 416:
            moved(-offset)
            try partial.restart()
            throw TransientFailure(message: "the server sends another part than was asked for")
        default: throw Self.failure(response, file.address.text, hasToken: configuration.token != nil)
        }
        var chunks = response.body.makeAsyncIterator()
        while true {
            let next: ByteBuffer?
            do { next = try await chunks.next() } catch { throw Self.transient(error) }
            guard let chunk = next else { break }
            try chunk.withUnsafeReadableBytes { try partial.append($0) }
            moved(chunk.readableBytes)
        }
        try Task.checkCancellation()
        guard partial.isComplete else {
            throw TransientFailure(message: "the connection ended after \(partial.byteCount) of \(file.byteCount) bytes")
        }
    }
}
