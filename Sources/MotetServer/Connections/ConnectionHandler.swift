import HTTPTypes
import Logging
import MotetFormats
import NIOCore
import NIOHTTPTypes

/// Tells the watch when the client of its channel closes its side or goes, and ends a connection that goes on sending
/// what was refused, or that there is no room for.
final class ConnectionHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias OutboundOut = HTTPResponsePart

  private let watch: ConnectionWatch
  private let logger: Logger
  /// There is no room for the connection.
  private var isOver = false

  init(_ watch: ConnectionWatch, _ logger: Logger) {
    self.watch = watch
    self.logger = logger
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let admission = watch.opened(context.channel)
    guard admission != .taken else { return }
    isOver = true
    if let count = watch.refusals() {
      let address = context.channel.remoteAddress?.ipAddress ?? "unknown"
      logger.warning(
        "too many connections", metadata: ["refused": "\(count)", "last": "\(address)"])
    }
    // A client that says what it wants is told.
    let channel = context.channel
    let time = admission == .refused ? TimeAmount.seconds(1) : .zero
    context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    watch.closed(context.channel, forGood: true)
  }

  func channelInactive(context: ChannelHandlerContext) {
    watch.closed(context.channel, forGood: true)
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if isOver {
      if case .head = unwrapInboundIn(data) { refuse(context) }
      return
    }
    if case .body(let buffer) = unwrapInboundIn(data),
      watch.discards(buffer.readableBytes, from: context.channel)
    {
      return context.close(promise: nil)
    }
    context.fireChannelRead(data)
  }

  /// A closed input means that the client has gone: none of those we serve closes its side and waits for an answer.
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed {
      watch.closed(context.channel, forGood: false)
    }
    context.fireUserInboundEventTriggered(event)
  }

  private func refuse(_ context: ChannelHandlerContext) {
    let error = APIError(
      .serviceUnavailable, "as many connections are open as may be; try again in 1 s", type: "server_error",
      code: "too_many_connections")
    let body = ByteBuffer(string: error.body.text())
    let head = HTTPResponse(
      status: error.status,
      headerFields: [
        .contentType: "application/json", .contentLength: "\(body.readableBytes)", .retryAfter: "1",
        .connection: "close",
      ])
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(body)), promise: nil)
    let channel = context.channel
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
  }
}
