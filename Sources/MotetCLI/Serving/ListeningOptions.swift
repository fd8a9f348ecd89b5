import ArgumentParser
import Logging
import Motet
import MotetServer

/// Where a server listens, whom it answers, and how much of a thing it takes.
struct ListeningOptions: ParsableArguments {
  @Option(help: "The address to listen on; anything but loopback needs --api-keys.")
  var host = "127.0.0.1"

  @Option(help: "The port; 0 takes a free one.")
  var port = 8080

  @Option(name: .customLong("api-keys"), help: "A file of keys; motet keys new makes them.")
  var apiKeys: String?

  @Option(name: .customLong("tls-cert"), help: "A certificate chain in PEM.")
  var tlsCertificate: String?

  @Option(name: .customLong("tls-key"), help: "Its private key in PEM.")
  var tlsKey: String?

  @Flag(help: "Listen beyond loopback without keys.")
  var insecure = false

  @Option(
    name: .customLong("allow-host"),
    help: "Without keys: a name in Host beside localhost and --host; may be given several times.")
  var allowHost: [String] = []

  @Option(
    name: .customLong("allow-origin"),
    help:
      "A site whose pages may use the server, such as https://example.org, or *; may be given several times.")
  var allowOrigin: [String] = []

  @Option(
    name: .customLong("max-connections"), help: "Connections that are open at one time; of one address half.")
  var maxConnections = 1_024

  @Option(name: .customLong("max-body"), help: "The largest body of a request.")
  var maxBody = ByteCount(8_000_000)

  @Option(
    name: .customLong("max-prompt"),
    help: "The most tokens of a prompt; by default as many as the context holds.")
  var maxPrompt: Int?

  @Option(
    name: .customLong("max-answer"),
    help: "The most tokens of an answer; by default as many as the context holds.")
  var maxAnswer: Int?

  @Option(name: .customLong("request-seconds"), help: "The longest that a request may take.")
  var requestSeconds = 600.0

  @Option(name: .customLong("drain-seconds"), help: "How long answers under way may go on after SIGTERM.")
  var drainSeconds = 60.0

  @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical.")
  var logLevel = "info"

  @Option(name: .customLong("log-format"), help: "json or text.")
  var logFormat = StderrLogHandler.Format.json

  func validate() throws {
    try require("port", port, from: 0, to: 65_535)
    guard (tlsCertificate == nil) == (tlsKey == nil) else {
      throw ValidationError("TLS needs both: --tls-cert FILE and --tls-key FILE")
    }
    guard Logger.Level(rawValue: logLevel) != nil else {
      throw ValidationError(
        "--log-level \(logLevel) is not known: choose \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))"
      )
    }
    try require("max-prompt", maxPrompt, from: 1)
    try require("max-answer", maxAnswer, from: 1)
    try require("max-connections", maxConnections, from: 1)
    try require("request-seconds", requestSeconds, in: 0...999_999, above: true)
    try require("drain-seconds", drainSeconds, in: 0...999_999, above: true)
  }

  var logger: Logger {
    let (format, level) = (logFormat, Logger.Level(rawValue: logLevel) ?? .info)
    return Logger(label: "motet") { _ in StderrLogHandler(format, level: level) }
  }

  /// - Throws: ``KeyFileError``
  func options(_ logger: Logger) throws -> ServerOptions {
    var options = ServerOptions()
    options.host = host
    options.port = port
    options.isInsecure = insecure
    options.drainSeconds = drainSeconds
    options.limits.bodyBytes = maxBody.bytes
    options.limits.promptTokens = maxPrompt
    options.limits.answerTokens = maxAnswer
    options.limits.requestSeconds = requestSeconds
    options.limits.connections = maxConnections
    options.limits.connectionsOfAddress = max(1, (maxConnections + 1) / 2)
    options.allowedHosts = allowHost
    options.allowedOrigins = allowOrigin
    if let tlsCertificate, let tlsKey { options.tls = TLSFiles(certificate: tlsCertificate, key: tlsKey) }
    guard let apiKeys else { return options }
    options.keys = try KeyFile.read(apiKeys)
    options.keyFile = apiKeys
    if KeyFile.isOpenToOthers(apiKeys) {
      logger.warning("others can read the file of keys: chmod 600 it", metadata: ["file": "\(apiKeys)"])
    }
    return options
  }
}

extension StderrLogHandler.Format: ExpressibleByArgument {}
