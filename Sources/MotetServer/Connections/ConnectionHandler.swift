import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Tells the watch when the client of its channel closes its side or goes, and ends a connection that goes on sending
/// what was refused.
final class ConnectionHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart

  private let watch: ConnectionWatch

  init(_ watch: ConnectionWatch) { self.watch = watch }

  func handlerAdded(context: ChannelHandlerContext) { watch.opened(context.channel) }

  func handlerRemoved(context: ChannelHandlerContext) {
    watch.closed(context.channel, forGood: true)
  }

  func channelInactive(context: ChannelHandlerContext) {
    watch.closed(context.channel, forGood: true)
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
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
}
