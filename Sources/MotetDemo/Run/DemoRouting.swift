import Foundation
import Motet
import MotetReport

/// Trains both routers on the training prompts and measures them on held-out ones.
struct DemoRouting: Sendable {
  /// The router the demo answers with.
  let router: any Router
  let accuracy: Double
  let accuracyByRouter: [String: Double]
  /// Prompts and what the router made of them.
  let shown: [(prompt: String, route: Route)]

  static let showcase = [
    "Write Python code to solve quadratic equations",
    "Write a Python function that returns the solution of a*x + b = c",
    "What is 3/4 of 12?",
    "What should I cook tonight?",
  ]

  static func train(base: BaseModel, demo: Demo) async throws -> DemoRouting {
    let options = demo.options
    var domains: [String: [String]] = [:]
    var held: [String: [String]] = [:]
    for domain in DemoDomain.allCases {
      domains[domain.rawValue] = DemoData.training(domain, count: options.rows, seed: options.seed).map(
        \.prompt)
      held[domain.rawValue] = DemoData.heldOut(domain, count: 100, seed: options.seed &+ 1).map(\.prompt)
    }
    let none = EverydayPrompts.all + DemoData.unrelatedPrompts
    var began = ContinuousClock.now
    func elapsed() -> String {
      defer { began = .now }
      return String(format: "%.1f s", (ContinuousClock.now - began) / .seconds(1))
    }
    let lexical = try LexicalRouter.train(domains: domains, none: none, seed: options.seed)
    try lexical.save(to: options.output.appending(path: "routers/lexical"))
    let lexicalResult = try await RouterEvaluation.run(lexical, on: held)
    demo.say(
      "   lexical: learnt in \(elapsed()), \(percent(lexicalResult.accuracy)) of \(lexicalResult.count) held-out prompts"
    )
    let head = try await HeadRouter.train(
      on: base, domains: domains.mapValues { Array($0.prefix(200)) }, none: none, seed: options.seed)
    try head.save(to: options.output.appending(path: "routers/head"))
    let headResult = try await RouterEvaluation.run(head, on: held)
    demo.say(
      "   head: learnt in \(elapsed()), \(percent(headResult.accuracy)) of \(headResult.count) held-out prompts"
    )

    let router: any Router = lexical
    var shown: [(prompt: String, route: Route)] = []
    for prompt in showcase + DemoData.compound.prefix(3).map(\.prompt) {
      let route = try await router.route(prompt)
      shown.append((prompt, route))
      demo.say("   \"\(prompt.prefix(90))\" -> \(route.mixDescription)")
      let bars = TextBars(route.weights.map { (label: $0.domain, share: $0.weight) }).text()
      for line in bars.split(separator: "\n") { demo.say("      \(line)") }
    }
    return DemoRouting(
      router: router, accuracy: lexicalResult.accuracy,
      accuracyByRouter: ["lexical": lexicalResult.accuracy, "head": headResult.accuracy], shown: shown)
  }
}

func percent(_ share: Double) -> String { String(format: "%.1f%%", share * 100) }
