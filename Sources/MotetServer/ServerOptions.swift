import Tracing

/// Where and how a server listens, and whom it answers.
public struct ServerOptions: Sendable {
  public var host = "127.0.0.1"
  /// 0 takes one that is free.
  public var port = 8080
  public var limits = ServerLimits()
  /// nil: anyone is answered.
  public var keys: KeyRing?
  public var tls: TLSFiles?
  /// Listens beyond loopback without keys.
  public var isInsecure = false
  /// Where spans go; nil for the process's own.
  public var tracer: (any Tracer)?
  /// Seconds that answers under way may take to end once the server is told to.
  public var drainSeconds = 60.0

  public init() {}
}
