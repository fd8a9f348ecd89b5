import Tracing

/// Where and how a server listens, and whom it answers.
public struct ServerOptions: Sendable {
  public var host = "127.0.0.1"
  /// 0 takes one that is free.
  public var port = 8080
  public var limits = ServerLimits()
  /// nil: anyone is answered, but for web pages of other sites.
  public var keys: KeyRing?
  /// The file that ``keys`` were read from, which SIGHUP reads again.
  public var keyFile: String?
  /// Without keys: what else than loopback and ``host`` a client may call the server, `*` for anything.
  public var allowedHosts: [String] = []
  /// Sites whose pages may use the server: `https://example.org`, `null`, or `*` for all.
  public var allowedOrigins: [String] = []
  public var tls: TLSFiles?
  /// Listens beyond loopback without keys.
  public var isInsecure = false
  /// Where spans go; nil for the process's own.
  public var tracer: (any Tracer)?
  /// Seconds that answers under way may take to end once the server is told to.
  public var drainSeconds = 60.0

  public init() {}
}
