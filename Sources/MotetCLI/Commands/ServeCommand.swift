import ArgumentParser
import Foundation
import Motet
import MotetServer
import MotetServing

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Answer over HTTP: one base, many adapters, OpenAI's API.",
    discussion: """
      Requests name the base, an adapter of the library or of --adapters, a version (math@3), a mix \
      (code=0.5+math=0.4) or auto, which asks --router. GET /openapi.json says what there is. SIGTERM lets the answers \
      under way end; SIGHUP has --api-keys, --tls-cert and --tls-key read again. Without --api-keys web pages of other \
      sites are refused, and bodies have to say Content-Type: application/json.
      """)

  @OptionGroup var base: AnsweringOptions

  @Option(help: "A folder of adapters, each in a folder named as it is; may be given several times.")
  var adapters: [String] = []

  @Option(help: "The library of adapters; by default $MOTET_HOME/adapters.")
  var library: String?

  @Option(help: "The router that auto asks: a folder or a name.")
  var router: String?

  @Option(name: .customLong("model-name"), help: "What clients call the base; by default its own name.")
  var modelName: String?

  @Option(name: .customLong("adapter-memory"), help: "Memory for adapters, and for reading them.")
  var adapterMemory = ByteCount(512_000_000)

  @Option(name: .customLong("kv-memory"), help: "Memory for keys and values.")
  var cacheMemory = ByteCount(1_000_000_000)

  @Option(name: .customLong("schema-memory"), help: "Memory for the JSON schemas that answers follow.")
  var schemaMemory = ByteCount(128_000_000)

  @Option(name: .customLong("max-rows"), help: "Answers under way at one time.")
  var maxRows = 64

  @Option(help: "Requests of one key that may wait.")
  var queue = 256

  @Flag(
    inversion: .prefixedNo,
    help: "Try what followed the last words earlier in a text as its next tokens; answers stay the same.")
  var speculation = true

  @OptionGroup var listening: ListeningOptions

  @Flag(help: "Print one JSON line when it listens.")
  var json = false

  func validate() throws {
    try require("max-rows", maxRows, from: 1, to: 65_536)
    try require("queue", queue, from: 0)
    if let modelName, modelName.isEmpty || modelName == "auto" || modelName == "base" {
      throw ValidationError("--model-name \"\(modelName)\" means something else; choose another")
    }
  }

  private struct Report: Encodable {
    let listening: String
    let port: Int
    let base: String
    let precision: String
  }

  func run() async throws {
    let logger = listening.logger
    let server = try listening.options(logger)
    // Before the base is read: what is wrong with these is known at once.
    try AnswerServer.check(server)
    if let room = OpenFiles.makeRoom(for: listening.maxConnections + OpenFiles.beside) {
      logger.warning(
        "the system lets this process open \(room) files, fewer than --max-connections needs: raise ulimit -n"
      )
    }
    let model = try await base.load()
    let chooser = try router.map { try RouterFinder.load($0, base: model) }
    let registry = PrometheusRegistry.serving()
    var options = ServingOptions()
    options.maximumRows = maxRows
    options.maximumWaiting = queue
    options.cacheBytes = cacheMemory.bytes
    options.adapterMemory = adapterMemory.bytes
    options.structureMemory = schemaMemory.bytes
    options.speculates = speculation
    options.baseName = modelName
    options.metrics = PrometheusFactory(registry)
    let service = try await ServingSetup.makeService(
      model, library: library, folders: adapters, options: options)
    let answers = try AnswerServer(
      service, router: chooser, options: server, registry: registry, logger: logger)
    try await answers.run { port in
      let address = answers.address(port: port)
      Console.note("listening on \(address)")
      guard json else { return }
      try? Console.json(
        Report(
          listening: address, port: port, base: service.baseName, precision: model.precision.rawValue))
    }
  }
}
