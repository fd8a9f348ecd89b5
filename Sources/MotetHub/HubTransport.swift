import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

/// Requests to the hub and to where it redirects them, one at a time, over HTTP/1.1.
///
/// Redirects are followed here and not by the client below, because the token must stay with the hub: a request to
/// another scheme, host or port goes without it.
struct HubTransport: Sendable {
  let settings: HubSettings
  /// `ORG/NAME`, for errors.
  let repository: String
  private let clients: [ProxySettings.Proxy?: HTTPClient]

  /// More redirects than any hub makes.
  private static let maximumRedirects = 10

  /// Opens what connections need, and closes it when `body` ends.
  static func with<Result>(
    _ settings: HubSettings, repository: String, _ body: (HubTransport) async throws -> Result
  ) async throws -> Result {
    var clients: [ProxySettings.Proxy?: HTTPClient] = [:]
    for proxy in Set([nil, settings.proxies.http, settings.proxies.https]) {
      clients[proxy] = HTTPClient(configuration: configuration(settings, proxy))
    }
    let transport = HubTransport(settings: settings, repository: repository, clients: clients)
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body(transport)) } catch { result = .failure(error) }
    for client in clients.values { try? await client.shutdown() }
    return try result.get()
  }

  /// An answer whose head is here.
  struct Response {
    let status: Int
    let headers: HTTPHeaders
    let body: HTTPClientResponse.Body
    /// After redirects.
    let url: URL
    /// What the hub said of a file on the way: its hash, if it is a large one.
    let linkedTag: String?

    /// Reads what is left if that is little, so that the connection serves the next request.
    func drain() async {
      var count = 0
      do {
        for try await chunk in body {
          count += chunk.readableBytes
          if count > 1 << 16 { return }
        }
      } catch { return }
    }
  }

  /// Which redirects are followed: all, or those that stay at the hub, as a renamed repository's do.
  enum Following { case all, own }

  /// Sends one request and follows redirects; a status of any kind is an answer.
  /// - Throws: ``HubError`` of the network, `CancellationError`
  func send(
    _ method: HTTPMethod, _ start: URL, headers: HTTPHeaders = [:], following: Following = .all
  ) async throws -> Response {
    var (url, linkedTag) = (start, String?.none)
    for _ in 0...Self.maximumRedirects {
      let answer = try await sendOnce(method, url, headers)
      if isOwn(url), let tag = answer.headers.first(name: "X-Linked-ETag") { linkedTag = tag }
      let response = Response(
        status: Int(answer.status.code), headers: answer.headers, body: answer.body, url: url,
        linkedTag: linkedTag)
      guard [301, 302, 303, 307, 308].contains(response.status),
        let location = answer.headers.first(name: "Location")
      else { return response }
      let next = try target(location, from: url)
      if following == .own, !isOwn(next) { return response }
      await response.drain()
      url = next
    }
    throw HubError.badRedirect(address: Self.place(start), reason: "without end")
  }

  private func sendOnce(_ method: HTTPMethod, _ url: URL, _ headers: HTTPHeaders) async throws
    -> HTTPClientResponse
  {
    var request = HTTPClientRequest(url: url.absoluteString)
    request.method = method
    request.headers = headers
    request.headers.replaceOrAdd(name: "User-Agent", value: "motet/0.1")
    // A file's bytes are counted and hashed as they are stored.
    request.headers.replaceOrAdd(name: "Accept-Encoding", value: "identity")
    if let token = settings.token, isOwn(url) {
      request.headers.replaceOrAdd(name: "Authorization", value: "Bearer \(token)")
    }
    let proxy = settings.proxies.proxy(for: url)
    guard let client = clients[proxy] ?? clients[nil] else { throw CancellationError() }
    do {
      return try await client.execute(
        request, deadline: .now() + .milliseconds(Int64(settings.patience.silence * 1000)))
    } catch {
      throw NetworkFailure.error(error, url: url, proxy: proxy)
    }
  }

  /// The next piece of a body is waited for no longer than ``HubPatience/silence``.
  /// - Throws: ``HubError/tooLong(address:limit:)``, ``HubError/broken(address:reason:)``
  func collect(_ response: Response, limit: Int) async throws -> Data {
    var data = Data()
    do {
      for try await chunk in response.body {
        guard data.count + chunk.readableBytes <= limit else {
          throw HubError.tooLong(address: Self.place(response.url), limit: limit)
        }
        data.append(contentsOf: chunk.readableBytesView)
      }
    } catch let error as HubError { throw error } catch {
      throw NetworkFailure.error(error, url: response.url, proxy: nil, isBody: true)
    }
    // A cancelled sequence ends as if it were complete.
    try Task.checkCancellation()
    return data
  }

  /// Whether `url` leads to the hub itself, which alone gets the token.
  private func isOwn(_ url: URL) -> Bool {
    let own = settings.endpoint
    return url.scheme?.lowercased() == own.scheme?.lowercased()
      && url.host?.lowercased() == own.host?.lowercased()
      && Self.port(url) == Self.port(own)
  }

  private static func port(_ url: URL) -> Int { url.port ?? (url.scheme?.lowercased() == "http" ? 80 : 443) }

  private func target(_ location: String, from url: URL) throws -> URL {
    let place = Self.place(url)
    guard let next = URL(string: location, relativeTo: url)?.absoluteURL, let host = next.host, !host.isEmpty,
      let scheme = next.scheme?.lowercased(), ["http", "https"].contains(scheme)
    else { throw HubError.badRedirect(address: place, reason: "to what is not an address of the web") }
    if url.scheme?.lowercased() == "https", scheme == "http" {
      throw HubError.badRedirect(address: place, reason: "from https to http at \(host)")
    }
    return next
  }

  /// Host and path for messages: what follows may sign the request.
  static func place(_ url: URL) -> String {
    let port = url.port.map { ":\($0)" } ?? ""
    return (url.host ?? "") + port + url.path
  }

  private static func configuration(_ settings: HubSettings, _ proxy: ProxySettings.Proxy?)
    -> HTTPClient.Configuration
  {
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.timeout.connect = .milliseconds(Int64(settings.patience.connecting * 1000))
    configuration.timeout.read = .milliseconds(Int64(settings.patience.silence * 1000))
    // HTTP/2 shares one window between streams, and one stream is all there is.
    configuration.httpVersion = .http1Only
    // The pull counts its attempts itself.
    configuration.connectionPool.retryConnectionEstablishment = false
    if let proxy {
      let authorization = proxy.user.map {
        HTTPClient.Authorization.basic(username: $0, password: proxy.password ?? "")
      }
      configuration.proxy = .server(host: proxy.host, port: proxy.port, authorization: authorization)
    }
    if let certificates = settings.certificates {
      var tls = TLSConfiguration.makeClientConfiguration()
      tls.trustRoots = .file(certificates)
      configuration.tlsConfiguration = tls
    }
    return configuration
  }
}
