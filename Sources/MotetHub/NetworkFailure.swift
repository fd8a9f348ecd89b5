import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// What the network's errors mean to a user.
enum NetworkFailure {
  /// - Parameters:
  ///   - proxy: what the request went through
  ///   - isBody: the answer had begun, so that host and proxy are not in doubt
  /// - Returns: a ``HubError``, or `CancellationError`
  static func error(_ error: any Error, url: URL, proxy: ProxySettings.Proxy?, isBody: Bool = false)
    -> any Error
  {
    if error is CancellationError || Task.isCancelled { return CancellationError() }
    let host = url.host ?? url.absoluteString
    if isBody { return HubError.broken(address: host, reason: reason(error)) }
    if let connection = error as? NIOConnectionError {
      let name = proxy?.name ?? connection.host
      if connection.connectionErrors.isEmpty, connection.dnsAError != nil || connection.dnsAAAAError != nil {
        return proxy == nil
          ? HubError.unknownHost(name) : HubError.proxy(name, reason: "its name does not resolve")
      }
      let reason = connection.connectionErrors.first.map { Self.reason($0.error) } ?? "no answer"
      return proxy == nil
        ? HubError.noConnection(host: name, reason: reason) : HubError.proxy(name, reason: reason)
    }
    if let error = error as? IOError, [ECONNREFUSED, ENETUNREACH, EHOSTUNREACH].contains(error.errnoCode) {
      return proxy.map { HubError.proxy($0.name, reason: reason(error)) }
        ?? HubError.noConnection(host: host, reason: reason(error))
    }
    if error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError {
      return HubError.insecure(host: host, reason: firstWords("\(error)"))
    }
    if let error = error as? HTTPClientError {
      switch error {
      case .proxyAuthenticationRequired:
        return HubError.proxy(proxy?.name ?? host, reason: "it asks for a name and a password")
      case .invalidProxyResponse, .httpProxyHandshakeTimeout:
        return HubError.proxy(proxy?.name ?? host, reason: error.shortDescription)
      case .connectTimeout, .tlsHandshakeTimeout:
        return HubError.noConnection(host: host, reason: "it does not answer")
      default: break
      }
    }
    return HubError.broken(address: host, reason: reason(error))
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case let error as HTTPClientError:
      switch error {
      case .deadlineExceeded, .readTimeout: "no answer"
      case .remoteConnectionClosed: "the other side closed it"
      default: error.shortDescription
      }
    case let error as IOError: String(cString: strerror(error.errnoCode))
    case let error as ChannelError:
      if case .connectTimeout = error { "no answer" } else { firstWords("\(error)") }
    default: firstWords("\(error)")
    }
  }

  private static func firstWords(_ text: String) -> String {
    let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? text
    return line.count > 120 ? line.prefix(120) + "…" : line
  }
}
