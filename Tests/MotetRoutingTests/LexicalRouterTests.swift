import Foundation
import Testing

@testable import MotetRouting

@Suite struct LexicalRouterTests {
  static let trained = Result { try LexicalRouter.train(domains: Prompts.domains) }
  let router: LexicalRouter

  init() throws { router = try Self.trained.get() }

  @Test func routesPhrasingsItNeverSaw() async throws {
    let evaluation = try await RouterEvaluation.run(router, on: Prompts.heldOut)
    #expect(evaluation.count == 24)
    #expect(evaluation.accuracy >= 0.87, "confusion \(evaluation.confusion)")
  }

  @Test func aPromptOfTwoDomainsGetsBothByItsPercentages() throws {
    let route = router.weigh("Write Python code to solve quadratic equations")
    #expect(Set(route.mix.map(\.domain)) == ["code", "math"], "\(route.mixDescription)")
    let share = Dictionary(uniqueKeysWithValues: route.weights.map { ($0.domain, $0.weight) })
    let code = try #require(share["code"])
    let math = try #require(share["math"])
    let mixed = try #require(route.mix.first { $0.domain == "code" })
    #expect(abs(mixed.weight - code / (code + math)) < 1e-9)
    #expect(abs(route.mix.reduce(0) { $0 + $1.weight } - 1) < 1e-9)
  }

  @Test(arguments: Prompts.strangers) func whatFitsNothingGetsTheBase(_ prompt: String) {
    let route = router.weigh(prompt)
    #expect(route.isBase, "\(prompt): \(route.mixDescription), fit \(route.fit)")
    #expect(route.mixDescription == "base")
  }

  @Test func sharesSumToOneWhateverThePrompt() {
    let long = String(repeating: "solve x² + 3 = def f(x): return x ", count: 2000)
    for prompt in Prompts.strangers + Prompts.math + ["\u{0}", "e\u{301}\u{200D}", long] {
      let weights = router.weigh(prompt).weights.map(\.weight)
      #expect(weights.count == 3)
      #expect(abs(weights.reduce(0, +) - 1) < 1e-9)
      #expect(weights.allSatisfy { $0 >= 0 && $0 <= 1 })
    }
  }

  @Test func saysWhichWordsAndPatternsDecided() throws {
    let compound = router.weigh("Write Python code to solve quadratic equations")
    let pulls = Dictionary(
      compound.reason.filter { $0.kind == .word }.map { ($0.text, $0.domain) },
      uniquingKeysWith: { a, _ in a })
    #expect(pulls["python"] == "code")
    #expect(pulls["quadratic"] == "math")
    #expect(pulls["equations"] == "math")
    let formula = router.weigh("x² + 2x = 8")
    let pattern = try #require(formula.reason.first { $0.kind == .pattern && $0.text == "x²" })
    #expect(pattern.domain == "math")
    #expect(zip(formula.reason, formula.reason.dropFirst()).allSatisfy { $0.contribution >= $1.contribution })
  }

  @Test func trainingTwiceGivesTheSameRouter() throws {
    let again = try LexicalRouter.train(domains: Prompts.domains)
    #expect(again.model == router.model)
    #expect(again.calibration == router.calibration)
  }

  @Test func theThresholdLeavesSmallSharesOut() throws {
    var strict = router
    strict.policy.threshold = 0.99
    var lenient = router
    lenient.policy.threshold = 0
    lenient.policy.maximumAdapters = 2
    let prompt = "Write Python code to solve quadratic equations"
    #expect(strict.weigh(prompt).isBase)
    #expect(lenient.weigh(prompt).mix.count == 2)
  }

  @Test func domainsCanNameAnotherAdapter() {
    var named = router
    named.adapters = ["code": "code@3"]
    let route = named.weigh("Write a Python function that returns a list")
    #expect(route.mixDescription == "code@3")
    #expect(route.mix.first?.domain == "code")
  }

  @Test func refusesDataItCannotLearnFrom() {
    #expect(throws: RouterError.tooFewDomains(1)) { try LexicalRouter.train(domains: ["math": ["1 + 1"]]) }
    #expect(throws: RouterError.emptyDomain("qa")) {
      try LexicalRouter.train(domains: ["math": ["1 + 1"], "qa": []])
    }
    #expect(throws: RouterError.emptyDomain("qa")) {
      try LexicalRouter.train(domains: ["math": ["1 + 1"], "qa": ["  ", "\n"]])
    }
    #expect(throws: RouterError.self) {
      try LexicalRouter.train(domains: Prompts.domains, policy: RoutingPolicy(threshold: .nan))
    }
  }

  @Test func learnsFromOneRowOfEachDomain() throws {
    let tiny = try LexicalRouter.train(domains: ["a": ["alpha beta"], "b": ["gamma delta"]], none: [])
    #expect(tiny.weigh("alpha").best?.domain == "a")
    #expect(tiny.weigh("delta").best?.domain == "b")
  }
}
