import ApusBase
import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Requests to the endpoint and to where it redirects.
struct HubConnection: Sendable {
    let configuration: HubConfiguration
    let client: HTTPClient

    private static let redirectLimit = 10

    init(_ configuration: HubConfiguration) {
        self.configuration = configuration
        var settings = HTTPClient.Configuration()
        settings.redirectConfiguration = .disallow
        settings.httpVersion = .http1Only
        settings.timeout = .init(connect: .seconds(15), read: .seconds(60))
        // An endpoint that cannot be reached is tried again here, a few times, and not for ever there.
        settings.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    func address(_ path: String) -> WebAddress { WebAddress(configuration.endpoint + path)! }

    /// Sends a request and follows redirects, but none that `stop` refuses. The token goes to the endpoint's own origin only.
    /// - Throws: `TransientFailure`, `CancellationError`, or `InputError` for a redirect that must not be followed.
    func send(
        _ method: HTTPMethod, _ start: WebAddress, from offset: Int = 0, stop: (HTTPClientResponse, _ isForeign: Bool) -> Bool = { _, _ in false }
    ) async throws -> HTTPClientResponse {
        var address = start
        for _ in 0...Self.redirectLimit {
            var request = HTTPClientRequest(url: address.text)
            request.method = method
            request.headers.add(name: "User-Agent", value: "apus")
            // A compressed body would have another length and checksum.
            request.headers.add(name: "Accept-Encoding", value: "identity")
            if offset > 0 { request.headers.add(name: "Range", value: "bytes=\(offset)-") }
            if let token = configuration.token, address.origin == WebAddress(configuration.endpoint)?.origin {
                request.headers.add(name: "Authorization", value: "Bearer \(token)")
            }
            let response = try await execute(request)
            guard [301, 302, 303, 307, 308].contains(response.status.code), let location = response.headers.first(name: "Location") else { return response }
            guard let next = address.redirected(to: location) else {
                throw InputError(address.text, "redirects to \"\(location)\", which is no http or https address")
            }
            if stop(response, next.origin != address.origin) { return response }
            guard next.isEncrypted || !address.isEncrypted else {
                throw InputError(address.text, "redirects from https to http", remedy: "the endpoint is not to be trusted; check HF_ENDPOINT")
            }
            address = next
        }
        throw InputError(start.text, "redirects more than \(Self.redirectLimit) times", remedy: "check HF_ENDPOINT")
    }

    private func execute(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        do {
            return try await client.execute(request, deadline: .distantFuture)
        } catch {
            throw Self.transient(error)
        }
    }

    /// The failure of a connection, which may pass; a cancelled task's is its cancellation.
    static func transient(_ error: any Error) -> any Error {
        if Task.isCancelled || error is CancellationError { return CancellationError() }
        return TransientFailure(message: "the connection failed: \(error)")
    }

    /// What a status other than success means.
    static func failure(_ response: HTTPClientResponse, _ subject: String, hasToken: Bool) -> any Error {
        let code = Int(response.status.code)
        let words = response.headers.first(name: "X-Error-Message").map { " (\($0))" } ?? ""
        switch code {
        case 401, 403:
            let remedy =
                hasToken ? "check that HF_TOKEN is valid and that its account has been given access" : "check the name; if it is private or gated, set HF_TOKEN"
            return InputError(subject, "the server refuses access: \(code)\(words)", remedy: remedy)
        case 404:
            return InputError(subject, "the server does not have it: 404\(words)", remedy: "check the name and --revision; if it is private, set HF_TOKEN")
        case 408, 429, 500, 502, 503, 504:
            let wait = response.headers.first(name: "Retry-After").flatMap { Int($0) }.map { Duration.seconds(min(max($0, 0), 60)) }
            return TransientFailure(message: "the server answers \(code)\(words)", retryAfter: wait)
        default:
            return InputError(subject, "the server answers \(code)\(words)", remedy: "check HF_ENDPOINT")
        }
    }
}
