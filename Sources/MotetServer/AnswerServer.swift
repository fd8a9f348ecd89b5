import Foundation
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import Metrics
import MotetRouting
import MotetServing
import NIOCore
import ServiceLifecycle

/// The HTTP face of an ``AnswerService``: OpenAI's API, and parts of vLLM's, LoRAX's and llama.cpp's.
///
/// ```swift
/// let server = try AnswerServer(engine, options: options, logger: Logger(label: "motet"))
/// try await server.run { port in print("listening on \(port)") }
/// ```
public struct AnswerServer: Sendable {
  private let parts: ServerParts
  private let options: ServerOptions
  private let logger: Logger
  private let hosts: HostRule
  private let origins: OriginRule
  private let keys: StandingKeys?
  private let certificate: StandingCertificate?
  /// What `/metrics` shows; give the engine `PrometheusFactory(registry)` so that its counts stand there too.
  public let registry: PrometheusRegistry

  /// - Throws: ``AnswerServerError``, ``TLSFilesError`` when it may not or cannot listen as it is told to
  public init(
    _ service: any AnswerService, router: (any MotetRouting.Router)? = nil,
    options: ServerOptions = ServerOptions(),
    registry: PrometheusRegistry = .serving(), logger: Logger
  ) throws {
    try Self.check(options)
    hosts = try HostRule(host: options.host, allowed: options.allowedHosts)
    origins = try OriginRule(options.allowedOrigins)
    keys = options.keys.map(StandingKeys.init)
    certificate = try options.tls.map(StandingCertificate.init)
    parts = ServerParts(
      service: service, router: router, limits: options.limits,
      metrics: ServerMetrics(factory: PrometheusFactory(registry)),
      authorization: Authorization(keys: keys),
      watch: ConnectionWatch(
        most: options.limits.connections, mostOfAddress: options.limits.connectionsOfAddress),
      largeBodies: LargeBodies(
        most: options.limits.largeBodies, mostOfClient: options.limits.largeBodiesOfClient),
      recent: RecentAnswers(capacity: options.limits.rememberedAnswers))
    self.options = options
    self.registry = registry
    self.logger = logger
  }

  /// Sees whether a server may and can listen as it is told to.
  /// - Throws: ``AnswerServerError``, ``TLSFilesError``
  public static func check(_ options: ServerOptions) throws {
    try BindRule.check(host: options.host, hasKeys: options.keys != nil, insecure: options.isInsecure)
    _ = try options.tls?.configuration()
    _ = try HostRule(host: options.host, allowed: options.allowedHosts)
    _ = try OriginRule(options.allowedOrigins)
  }

  /// `http://127.0.0.1:8080`
  public func address(port: Int) -> String {
    let host = options.host.contains(":") ? "[\(options.host)]" : options.host
    return "\(options.tls == nil ? "http" : "https")://\(host):\(port)"
  }

  /// The document of `/openapi.json`.
  public var openAPI: String {
    OpenAPIDocument.json(
      Endpoints.all(parts, registry: registry), hasKeys: options.keys != nil
    ).text(indent: 2)
  }

  /// Answers until SIGTERM or SIGINT, then takes no new work, lets the answers under way end and returns. A second
  /// signal ends the process at once. SIGHUP has the keys and the certificate read again.
  /// - Parameter onListening: told the port when it listens
  public func run(onListening: @escaping @Sendable (Int) async -> Void) async throws {
    if options.keys != nil, options.tls == nil, !BindRule.isLoopback(options.host) {
      logger.warning(
        "keys and answers travel unencrypted: give --tls-cert and --tls-key, or stand behind a proxy that has them",
        metadata: ["host": "\(options.host)"])
    }
    let second = SecondSignal()
    let drain = DrainService(
      service: parts.service, seconds: options.drainSeconds, logger: logger, second: second)
    var configuration = ServiceGroupConfiguration(
      services: [reloadService(), try application(onListening: onListening), drain],
      gracefulShutdownSignals: [.sigterm, .sigint],
      logger: logger)
    // The engine is done by then; what is left is a client that does not read its answer.
    configuration.maximumGracefulShutdownDuration = .seconds(options.drainSeconds + 10)
    do { try await ServiceGroup(configuration: configuration).run() } catch let error as IOError {
      throw AnswerServerError.cannotListen(
        address: "\(options.host):\(options.port)", reason: String(cString: strerror(error.errnoCode)))
    }
    withExtendedLifetime(second) {}
  }

  /// What reads the keys and the certificate again.
  func reloadService() -> ReloadService {
    ReloadService(keys: keys, keyFile: options.keyFile, certificate: certificate, logger: logger)
  }

  /// The server as a part of another process, or for a test.
  func application(
    onListening: @escaping @Sendable (Int) async -> Void = { _ in }
  ) throws -> Application<RouterResponder<ServerContext>> {
    let router = Hummingbird.Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: RequestIdentity())
    router.add(middleware: RequestSpan(tracer: options.tracer))
    router.add(middleware: RequestRecord(metrics: parts.metrics))
    let endpoints = Endpoints.all(parts, registry: registry)
    router.add(middleware: CrossOrigin(rule: origins, methods: AllowedMethods(endpoints)))
    router.add(
      middleware: ErrorBodies(watch: parts.watch, limits: parts.limits, endpoints: endpoints))
    if keys == nil { router.add(middleware: ForeignPages(hosts: hosts, origins: origins)) }
    Endpoints.register(endpoints, on: router, parts)
    return Application(
      router: router, server: try channel(),
      configuration: .init(address: .hostname(options.host, port: options.port), serverName: "motet"),
      onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) }, logger: logger)
  }

  private func channel() throws -> HTTPServerBuilder {
    let (watch, logger) = (parts.watch, logger)
    let http = HTTPServerBuilder.http1(
      configuration: .init(
        additionalChannelHandlers: [ConnectionHandler(watch, logger)],
        idleTimeout: .nanoseconds(Int64(options.limits.headSeconds * 1e9)),
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 200)))
    guard let tls = try certificate?.configuration() else { return http }
    return try .tls(http, tlsConfiguration: tls)
  }
}
