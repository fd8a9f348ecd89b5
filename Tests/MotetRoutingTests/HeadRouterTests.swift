import Foundation
import Testing

@testable import MotetRouting

/// Synthetic hidden states: each domain a cloud of its own in 24 dimensions.
enum Clouds {
  static let width = 24

  static func rows(_ domain: Int, count: Int, seed: UInt64) -> [[Float]] {
    var generator = SeededGenerator(seed: seed &* 31 &+ UInt64(domain))
    return (0..<count).map { _ in
      (0..<width).map { i in
        let noise = Float.random(in: -1...1, using: &generator) + Float.random(in: -1...1, using: &generator)
        return noise + (i % 3 == domain ? 1.5 : 0) + 5
      }
    }
  }

  /// A cloud far from all the others.
  static func strangers(count: Int, seed: UInt64) -> [[Float]] {
    rows(3, count: count, seed: seed).map { $0.enumerated().map { $1 + ($0 % 2 == 0 ? 6 : -6) } }
  }

  static func train(seed: UInt64) -> [String: [[Float]]] {
    [
      "math": rows(0, count: 60, seed: seed), "code": rows(1, count: 60, seed: seed),
      "qa": rows(2, count: 60, seed: seed),
    ]
  }
}

@Suite struct HeadRouterTests {
  static let trained = Result { try HeadRouter.train(features: Clouds.train(seed: 1)) }
  let router: HeadRouter

  init() throws { router = try Self.trained.get() }

  @Test func routesRowsItNeverSaw() throws {
    var right = 0
    var based = 0
    for (index, name) in ["math", "code", "qa"].enumerated() {
      for row in Clouds.rows(index, count: 40, seed: 9) {
        let route = try router.route(features: row)
        right += route.best?.domain == name ? 1 : 0
        based += route.isBase ? 1 : 0
        #expect(abs(route.weights.reduce(0) { $0 + $1.weight } - 1) < 1e-9)
      }
    }
    #expect(right >= 116, "\(right) of 120")
    #expect(based <= 10, "\(based) of 120 got the base")
  }

  @Test func aRowBetweenTwoDomainsGetsBoth() throws {
    var both = 0
    for (a, b) in zip(Clouds.rows(0, count: 30, seed: 5), Clouds.rows(1, count: 30, seed: 6)) {
      let route = try router.route(features: HeadModel.halfway(a, b))
      both += Set(route.mix.map(\.domain)) == ["math", "code"] ? 1 : 0
    }
    #expect(both >= 24, "\(both) of 30")
  }

  @Test func rowsFarFromEveryDomainGetTheBase() throws {
    for row in Clouds.strangers(count: 20, seed: 4) {
      let route = try router.route(features: row)
      #expect(route.isBase, "fit \(route.fit)")
    }
  }

  @Test func giveItStrangersAndItKnowsThem() throws {
    let near = Clouds.rows(4, count: 80, seed: 2).map { $0.map { $0 - 0.6 } }  // a cloud beside the others
    let informed = try HeadRouter.train(features: Clouds.train(seed: 1), none: Array(near.prefix(40)))
    let based = try near.suffix(40).count { try informed.route(features: $0).isBase }
    #expect(based >= 30, "\(based) of 40")
    let own = try Clouds.rows(0, count: 40, seed: 9).count { try !informed.route(features: $0).isBase }
    #expect(own >= 36, "\(own) of 40")
  }

  @Test func explainsItselfByConfidenceAndDistance() throws {
    let route = try router.route(features: Clouds.rows(1, count: 1, seed: 12)[0])
    let confidence = try #require(route.reason.first { $0.kind == .confidence && $0.domain == "code" })
    #expect(confidence.contribution == route.weights.first { $0.domain == "code" }?.weight)
    let distances = route.reason.filter { $0.kind == .distance }
    #expect(distances.min { $0.contribution < $1.contribution }?.domain == "code")
  }

  @Test func trainingTwiceGivesTheSameRouter() throws {
    let again = try HeadRouter.train(features: Clouds.train(seed: 1))
    #expect(again.model == router.model)
    #expect(again.calibration == router.calibration)
  }

  @Test func asksTheModelForPrompts() async throws {
    let rows = Clouds.rows(2, count: 1, seed: 20)
    var asked = router
    asked.embed = { prompts in prompts.map { _ in rows[0] } }
    let route = try await asked.route("who?")
    #expect(route == (try router.route(features: rows[0])))
    await #expect(throws: RouterError.needsModel("head")) { try await router.route("who?") }
  }

  @Test func trainsThroughTheModelToo() async throws {
    let embed: PromptEmbedding = { prompts in
      prompts.map { prompt in (0..<4).map { Float(prompt.utf8.count % ($0 + 2)) } }
    }
    let trained = try await HeadRouter.train(
      domains: ["a": ["x", "xyz"], "b": ["xy", "wxyz"]], none: [], embed: embed)
    #expect(trained.hiddenSize == 4)
    #expect(try await trained.route("q").weights.count == 2)
  }

  @Test func refusesFeaturesItCannotUse() throws {
    let good = Clouds.rows(0, count: 3, seed: 1)
    #expect(throws: RouterError.tooFewDomains(1)) { try HeadRouter.train(features: ["a": good]) }
    #expect(throws: RouterError.emptyDomain("b")) { try HeadRouter.train(features: ["a": good, "b": []]) }
    #expect(throws: RouterError.unevenRows(domain: "b", row: 1, expected: 24, found: 2)) {
      try HeadRouter.train(features: ["a": good, "b": [good[0], [1, 2]]])
    }
    #expect(throws: RouterError.notFinite(domain: "b", row: 0)) {
      try HeadRouter.train(features: ["a": good, "b": [[Float](repeating: .nan, count: 24)]])
    }
    #expect(throws: RouterError.wrongWidth(expected: 24, found: 3)) { try router.route(features: [1, 2, 3]) }
    #expect(throws: RouterError.self) {
      try router.route(features: [Float](repeating: .infinity, count: 24))
    }
  }
}
