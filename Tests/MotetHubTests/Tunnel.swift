import NIOCore
import NIOPosix

/// A proxy on loopback that connects everybody to one port, whatever host they ask for.
enum Tunnel {
  /// - Parameter body: gets the proxy's port
  static func with<Result>(to target: Int, _ body: (Int) async throws -> Result) async throws -> Result {
    let bound = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Near(target))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body(bound.localAddress?.port ?? 0)) } catch { result = .failure(error) }
    try? await bound.close().get()
    return try result.get()
  }

  /// The client's end: answers its CONNECT, then passes on what it sends.
  private final class Near: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let target: Int
    private var far: (any Channel)?

    init(_ target: Int) { self.target = target }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      if let far { return far.writeAndFlush(unwrapInboundIn(data), promise: nil) }
      let near = context.channel
      let this = NIOLoopBound(self, eventLoop: context.eventLoop)
      ClientBootstrap(group: context.eventLoop)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Far(near))
          }
        }
        .connect(host: "127.0.0.1", port: target).whenSuccess { channel in
          this.value.far = channel
          near.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n"), promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { far?.close(promise: nil) }
  }

  /// The server's end.
  private final class Far: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let near: any Channel

    init(_ near: any Channel) { self.near = near }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      near.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { near.close(promise: nil) }
  }
}
