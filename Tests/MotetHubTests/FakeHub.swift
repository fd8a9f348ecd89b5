import Crypto
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A hub on loopback: the routes that a pull asks for, over the files of one repository, and faults on demand.
final class FakeHub: Sendable {
  struct Request: Sendable {
    let method: HTTPMethod
    let path: String
    let query: String
    let headers: HTTPHeaders
  }

  struct Reply: Sendable {
    var status = HTTPResponseStatus.ok
    var headers = HTTPHeaders()
    var body: [UInt8] = []
    /// Bytes of the body after which the connection ends; nil for all of them.
    var breaksAfter: Int?
    var isChunked = false
    /// Whether nothing follows after ``breaksAfter``, and the connection stays.
    var isStalled = false
  }

  /// What happens to one request for a file, in place of the file.
  typealias Fault = @Sendable (Request, Reply) -> Reply

  struct State {
    var repository = "org/tiny"
    var commit = String(repeating: "a1", count: 20)
    var files: [String: [UInt8]] = [:]
    /// Files with SHA-256, which the hub redirects to ``cdn``.
    var large: Set<String> = []
    var cdn: FakeHub?
    var pageSize = 1000
    /// By path of the file, in the order of the requests for it.
    var faults: [String: [Fault]] = [:]
    /// By the beginning of a route; in place of its answer.
    var routes: [String: @Sendable (Request) -> Reply] = [:]
    var hasHashes = true
    var requests: [Request] = []
  }

  private let state = Mutex(State())
  private let channel: Mutex<(any Channel)?> = Mutex(nil)

  var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
  var endpoint: URL { URL(string: "http://127.0.0.1:\(port)")! }
  var requests: [Request] { state.withLock { $0.requests } }

  /// Requests for files, by path.
  func fetched() -> [String] {
    requests.compactMap { request in
      guard request.method == .GET, let range = request.path.range(of: "/resolve/") else { return nil }
      return request.path[range.upperBound...].split(separator: "/").dropFirst().joined(separator: "/")
    }
  }

  func change(_ body: (inout sending State) -> Void) { state.withLock { body(&$0) } }

  /// Serves while `body` runs.
  static func with<Result>(_ body: (FakeHub) async throws -> Result) async throws -> Result {
    let hub = FakeHub()
    let bound = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Handler(hub))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    hub.channel.withLock { $0 = bound }
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body(hub)) } catch { result = .failure(error) }
    try? await bound.close().get()
    return try result.get()
  }

  private func answer(_ request: Request) -> Reply {
    let route = state.withLock { state in state.routes.first { request.path.hasPrefix($0.key) }?.value }
    if let route {
      state.withLock { $0.requests.append(request) }
      return route(request)
    }
    return state.withLock { state in
      state.requests.append(request)
      let api = "/api/models/\(state.repository)"
      if request.path.hasPrefix(api + "/revision/") {
        let text = "{\"id\": \"\(state.repository)\", \"sha\": \"\(state.commit)\", \"siblings\": []}"
        return Reply(headers: ["Content-Type": "application/json"], body: Array(text.utf8))
      }
      if request.path == api + "/tree/\(state.commit)" { return tree(request, state) }
      let file = "/\(state.repository)/resolve/\(state.commit)/"
      for start in [file, "/cdn/"] where request.path.hasPrefix(start) {
        return self.file(String(request.path.dropFirst(start.count)), request, &state)
      }
      return Reply(status: .notFound, headers: ["X-Error-Code": "RepoNotFound"])
    }
  }

  private func tree(_ request: Request, _ state: State) -> Reply {
    let names = state.files.keys.sorted()
    let start =
      request.query.split(separator: "&").first { $0.hasPrefix("cursor=") }
      .flatMap { Int($0.dropFirst(7)) } ?? 0
    let page = names[min(start, names.count)..<min(start + state.pageSize, names.count)]
    let entries = page.map { name -> String in
      let bytes = state.files[name]!
      var fields = "\"type\": \"file\", \"path\": \"\(name)\", \"size\": \(bytes.count)"
      if state.hasHashes { fields += ", \"oid\": \"\(Self.gitHash(bytes))\"" }
      if state.hasHashes, state.large.contains(name) {
        fields +=
          ", \"lfs\": {\"oid\": \"\(Self.sha256(bytes))\", \"size\": \(bytes.count), \"pointerSize\": 130}"
      }
      return "{\(fields)}"
    }
    var reply = Reply(body: Array("[\(entries.joined(separator: ", "))]".utf8))
    if page.endIndex < names.count {
      // A mirror may name another host here.
      reply.headers.add(
        name: "Link",
        value: "<https://hub.invalid\(request.path)?recursive=true&cursor=\(page.endIndex)>; rel=\"next\"")
    }
    return reply
  }

  private func file(_ path: String, _ request: Request, _ state: inout State) -> Reply {
    guard let bytes = state.files[path] else {
      return Reply(status: .notFound, headers: ["X-Error-Code": "EntryNotFound"])
    }
    let isLarge = state.large.contains(path)
    var reply = Reply()
    if isLarge { reply.headers.add(name: "X-Linked-ETag", value: "\"\(Self.sha256(bytes))\"") }
    if isLarge, let cdn = state.cdn {
      reply.status = .found
      reply.headers.add(name: "Location", value: "http://127.0.0.1:\(cdn.port)/cdn/\(path)?Signature=secret")
      return reply
    }
    reply.headers.add(name: "ETag", value: "\"\(isLarge ? Self.sha256(bytes) : Self.gitHash(bytes))\"")
    reply.body = bytes
    if let range = request.headers.first(name: "Range"), let start = Int(range.dropFirst(6).dropLast()) {
      if start >= bytes.count {
        reply = Reply(status: .rangeNotSatisfiable)
      } else {
        reply.status = .partialContent
        reply.body = Array(bytes[start...])
        reply.headers.add(name: "Content-Range", value: "bytes \(start)-\(bytes.count - 1)/\(bytes.count)")
      }
    }
    if request.method == .GET, state.faults[path]?.isEmpty == false {
      return state.faults[path]!.removeFirst()(request, reply)
    }
    return reply
  }

  static func sha256(_ bytes: [UInt8]) -> String {
    SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
  }

  static func gitHash(_ bytes: [UInt8]) -> String {
    Insecure.SHA1.hash(data: Array("blob \(bytes.count)\0".utf8) + bytes)
      .map { String(format: "%02x", $0) }.joined()
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let hub: FakeHub
    private var request: Request?

    init(_ hub: FakeHub) { self.hub = hub }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head):
        let parts = head.uri.split(separator: "?", maxSplits: 1).map(String.init)
        request = Request(
          method: head.method, path: parts[0].removingPercentEncoding ?? parts[0],
          query: parts.count > 1 ? parts[1] : "", headers: head.headers)
      case .body: break
      case .end:
        guard let request else { return }
        write(hub.answer(request), to: request, context)
      }
    }

    private func write(_ reply: Reply, to request: Request, _ context: ChannelHandlerContext) {
      var head = HTTPResponseHead(version: .http1_1, status: reply.status, headers: reply.headers)
      if reply.isChunked {
        head.headers.replaceOrAdd(name: "Transfer-Encoding", value: "chunked")
      } else if !head.headers.contains(name: "Content-Length") {
        head.headers.add(name: "Content-Length", value: "\(reply.body.count)")
      }
      context.write(wrapOutboundOut(.head(head)), promise: nil)
      if request.method != .HEAD {
        let sent = reply.body.prefix(reply.breaksAfter ?? reply.body.count)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: sent)))), promise: nil)
      }
      if reply.isStalled {
        context.flush()
      } else if reply.breaksAfter != nil {
        context.flush()
        // What was sent arrives before the connection ends.
        let channel = context.channel
        context.eventLoop.scheduleTask(in: .milliseconds(100)) { channel.close(promise: nil) }
      } else {
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      }
    }
  }
}
