import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server on a free port of 127.0.0.1 that answers from a closure and notes what it was asked.
final class FakeServer: Sendable {
    struct Request: Sendable {
        let method: HTTPMethod
        let path: String
        let headers: HTTPHeaders

        /// The first byte of the range that is asked for.
        var offset: Int {
            guard let range = headers.first(name: "Range"), range.hasPrefix("bytes="), range.hasSuffix("-") else { return 0 }
            return Int(range.dropFirst(6).dropLast()) ?? 0
        }
    }

    struct Response: Sendable {
        var status = HTTPResponseStatus.ok
        var headers: HTTPHeaders = [:]
        var body: [UInt8] = []
        /// Bytes after which the connection is lost.
        var cut: Int?
    }

    let port: Int
    private let channel: any Channel
    private let noted: Notes

    private final class Notes: Sendable {
        let requests = Mutex<[Request]>([])
    }

    init(_ answer: @escaping @Sendable (Request) -> Response) async throws {
        let notes = Notes()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        Handler { request in
                            notes.requests.withLock { $0.append(request) }
                            return answer(request)
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress!.port!
        noted = notes
    }

    deinit { channel.close(promise: nil) }

    var endpoint: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { noted.requests.withLock { $0 } }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let answer: @Sendable (Request) -> Response
        private var head: HTTPRequestHead?

        init(_ answer: @escaping @Sendable (Request) -> Response) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body: break
            case .end:
                guard let head else { return }
                respond(answer(Request(method: head.method, path: head.uri, headers: head.headers)), to: head, context)
            }
        }

        private func respond(_ response: Response, to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
            var headers = response.headers
            if !headers.contains(name: "Content-Length") { headers.add(name: "Content-Length", value: "\(response.body.count)") }
            context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: response.status, headers: headers))), promise: nil)
            if head.method != .HEAD {
                let sent = response.body.prefix(response.cut ?? response.body.count)
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: sent)))), promise: nil)
            }
            if response.cut != nil, head.method != .HEAD {
                let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
                context.flush()
                // The client drops what it has not read yet when the connection ends, so that a busy machine needs some time here.
                context.eventLoop.scheduleTask(in: .seconds(3)) { loopBound.value.close(promise: nil) }
            } else {
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
