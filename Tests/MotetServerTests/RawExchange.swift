import NIOCore
import NIOPosix
import Synchronization

/// Sends bytes, waits for some of a reply, and returns what came until the connection ended or the time was over.
func exchange(
  _ port: Int, _ text: String, leavingAfter seconds: Double? = nil
) async throws -> String {
  let received = Received()
  let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
    .channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(Collector(received))
      }
    }.connect(host: "localhost", port: port).get()
  try await channel.writeAndFlush(ByteBuffer(string: text))
  try await Task.sleep(for: .seconds(seconds ?? 0.5))
  try? await channel.close()
  return received.text.withLock { $0 }
}

private final class Received: Sendable {
  let text = Mutex("")
}

private final class Collector: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  let received: Received
  init(_ received: Received) { self.received = received }
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let text = String(buffer: unwrapInboundIn(data))
    received.text.withLock { $0 += text }
  }
}
