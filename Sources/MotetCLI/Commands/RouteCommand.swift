import ArgumentParser
import Foundation
import Motet
import MotetReport

struct RouteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "route", abstract: "Show what a router makes of a prompt.")

  @OptionGroup var base: BaseOptions

  @Option(help: "The router: a folder or a name.")
  var router: String

  @Option(help: "The prompt.")
  var prompt: String

  @Flag(help: "Print one JSON object.")
  var json = false

  private struct Report: Encodable {
    let router: String
    let mix: String
    let weights: [String: Double]
    let fit: Double
    let reason: [Evidence]
  }

  func run() async throws {
    guard prompt.contains(where: { !$0.isWhitespace }) else { throw ModelError.emptyPrompt }
    let router = try await RouterFinder.load(self.router, lazily: base)
    let route = try await router.route(prompt)
    if json {
      let weights = Dictionary(uniqueKeysWithValues: route.weights.map { ($0.domain, $0.weight) })
      return try Console.json(
        Report(
          router: router.kind, mix: route.mixDescription, weights: weights, fit: route.fit,
          reason: route.reason))
    }
    Console.result(TextBars(route.weights.map { (label: $0.domain, share: $0.weight) }).text())
    Console.result("mix: \(route.mixDescription)" + (route.isBase ? "  (the prompt fits no domain)" : ""))
    for evidence in route.reason.prefix(8) {
      Console.result(
        "  \(evidence.domain) by \(evidence.kind.rawValue) \"\(evidence.text)\" (\(rounded(evidence.contribution, 3)))"
      )
    }
  }
}
