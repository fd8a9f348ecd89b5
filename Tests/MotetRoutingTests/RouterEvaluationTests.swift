import Testing

@testable import MotetRouting

@Suite struct RouterEvaluationTests {
  private func route(_ a: Double, base: Bool = false) -> Route {
    Route(
      shares: [a, 1 - a], domains: ["a", "b"], adapters: [:], policy: RoutingPolicy(), fit: base ? -1 : 1,
      reason: [])
  }

  /// Counted by hand: 2 of 3 `a`, 1 of 1 `b`, 1 of 2 strangers.
  @Test func countsByDomain() throws {
    let evaluation = RouterEvaluation(
      domains: ["a", "b"],
      outcomes: [
        ("a", route(0.9)), ("a", route(0.7)), ("a", route(0.3)), ("b", route(0.1)),
        ("weather", route(0.6)), ("weather", route(0.5, base: true)),
      ])
    #expect(evaluation.labels == ["a", "b", "base"])
    #expect(evaluation.confusion == [[2, 1, 0], [0, 1, 0], [1, 0, 1]])
    #expect(abs(evaluation.accuracy - 4.0 / 6) < 1e-12)
    let a = evaluation.domains[0]
    #expect(abs(a.precision - 2.0 / 3) < 1e-12)
    #expect(abs(a.recall - 2.0 / 3) < 1e-12)
    #expect(a.count == 3)
    #expect(abs(evaluation.domains[1].precision - 0.5) < 1e-12)
    #expect(evaluation.domains[2].recall == 0.5)
  }

  /// Bin 0.9 holds two right answers said at 0.9 (gap 0.2), bin 0.7 one right and one wrong said at 0.7
  /// (gap 0.4): (0.2 + 0.4) / 4.
  @Test func calibrationErrorIsTheGapBetweenShareAndTruth() {
    let evaluation = RouterEvaluation(
      domains: ["a", "b"],
      outcomes: [("a", route(0.9)), ("b", route(0.1)), ("a", route(0.7)), ("a", route(0.3))])
    #expect(abs(evaluation.calibrationError - 0.15) < 1e-9)
  }

  @Test func nothingToCountGivesZeros() {
    let evaluation = RouterEvaluation(domains: ["a", "b"], outcomes: [])
    #expect(evaluation.accuracy == 0)
    #expect(evaluation.calibrationError == 0)
  }
}
