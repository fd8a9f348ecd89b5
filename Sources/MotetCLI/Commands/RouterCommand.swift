import ArgumentParser
import Foundation
import Motet
import MotetReport

struct RouterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "router", abstract: "Train, measure and show routers: prompt in, mix out.",
    subcommands: [Train.self, Evaluate.self, Show.self])

  struct Train: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Learn domains from their rows.",
      discussion: """
        lexical weighs words and character patterns and says which decided; head is a softmax regression on the \
        frozen base's mean hidden state. A domain's name is its adapter's. Rows of no domain (--none) sharpen \
        when the base itself should answer. A router reads the user turn that a row's last assistant turn answers, \
        or a plain text whole. Several files of one NAME are one domain.
        """)

    enum Kind: String, ExpressibleByArgument, CaseIterable { case lexical, head }

    @OptionGroup var base: BaseOptions

    @Option(help: "lexical or head.")
    var kind: Kind = .lexical

    @Option(parsing: .upToNextOption, help: "Domains: NAME=FILE.")
    var data: [NamedFile]

    @OptionGroup var columns: ColumnOptions

    @Option(help: "Rows that belong to no domain.")
    var none: String?

    @Option(
      help: "The folder to write, or a name under $MOTET_HOME/routers.", transform: OutputArgument.parse)
    var output: String

    @Option(help: "The share below which a domain is left out of the mix.")
    var threshold: Double?

    @Option(help: "Take only the first rows of each domain.")
    var limit: Int?

    @Option(help: "Draws folds and the order of rows.")
    var seed: UInt64 = 0

    func validate() throws {
      try RouterFinder.checkDomains(data)
      if data.contains(where: { $0.name == RouterEvaluation.base }) {
        throw ValidationError(
          "--data base: base is what answers when no domain fits; give its rows with --none")
      }
      try require("threshold", threshold, in: 0...1)
      try require("limit", limit, from: 1)
    }

    func run() async throws {
      let began = ContinuousClock.now
      let domains = try RouterFinder.prompts(data, columns: columns, limit: limit)
      let others = try none.map { try columns.prompts($0).map(\.prompt) } ?? EverydayPrompts.all
      var policy = RoutingPolicy()
      if let threshold { policy.threshold = threshold }
      let folder = RouterFinder.folder(output)
      switch kind {
      case .lexical:
        let router = try LexicalRouter.train(domains: domains, none: others, policy: policy, seed: seed)
        try router.save(to: folder)
      case .head:
        let base = try await base.load()
        let router = try await HeadRouter.train(
          on: base, domains: domains, none: others, policy: policy, seed: seed)
        try router.save(to: folder)
      }
      let rows = domains.values.reduce(0) { $0 + $1.count }
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      Console.result(
        "\(folder.relativePath): \(kind.rawValue), \(rows) prompts of \(domains.count) domains in \(rounded(seconds, 1)) s"
      )
    }
  }

  struct Evaluate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Measure a router on rows whose domain is known.")

    @OptionGroup var base: BaseOptions

    @Option(help: "The router: a folder or a name.")
    var router: String

    @Option(parsing: .upToNextOption, help: "Domains: NAME=FILE; base=FILE for rows of none.")
    var data: [NamedFile]

    @OptionGroup var columns: ColumnOptions

    @Option(help: "Take only the first rows of each domain.")
    var limit: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
      try RouterFinder.checkDomains(data)
      try require("limit", limit, from: 1)
    }

    func run() async throws {
      let router = try await RouterFinder.load(self.router, lazily: base)
      let known = router.domains + [RouterEvaluation.base]
      if let stranger = data.first(where: { !known.contains($0.name) }) {
        throw ValidationError(
          "--data \(stranger.name): the router has no domain \(stranger.name), only \(known.joined(separator: ", ")); "
            + "name the rows: NAME=\(stranger.path)")
      }
      let result = try await RouterEvaluation.run(
        router, on: RouterFinder.prompts(data, columns: columns, limit: limit))
      if json { return try Console.json(result) }
      var table = TextTable(header: ["is \\ goes to"] + result.labels, rows: [])
      for (label, counts) in zip(result.labels, result.confusion) {
        table.rows.append([label] + counts.map(String.init))
      }
      Console.result(table.text())
      Console.result(
        "accuracy \(rounded(result.accuracy, 4)) over \(result.count), calibration error \(rounded(result.calibrationError, 4))"
      )
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what a router knows.")

    @Option(help: "The router: a folder or a name.")
    var router: String

    func run() async throws {
      let folder = RouterFinder.folder(router)
      let router = try RouterFile.load(folder)
      Console.result(
        "\(folder.relativePath): \(router.kind), domains \(router.domains.joined(separator: ", "))")
      if let lexical = router as? LexicalRouter {
        for domain in lexical.domains {
          let words = lexical.strongest(for: domain, count: 12).joined(separator: "  ")
          Console.result("  \(domain): \(words)")
        }
      }
      if let head = router as? HeadRouter {
        Console.result(
          "  softmax regression on \(head.hiddenSize) values of \(head.base ?? "a base")'s mean hidden state")
      }
    }
  }
}
