import MotetTensor
import Testing

@testable import MotetServing

@Suite struct PassCostTests {
  /// 2 ms for the weights and a quarter of one for each token.
  private static func cost(_ sizes: [Int], noise: Double = 0) -> PassCost {
    var cost = PassCost()
    var generator = SeededGenerator(seed: 3, for: "noise")
    for index in 0..<400 {
      let size = sizes[index % sizes.count]
      let late = noise > 0 && Int.random(in: 0..<20, using: &generator) == 0 ? noise : 0
      cost.add(tokens: size, seconds: 0.002 + 0.000_25 * Double(size) + late)
    }
    return cost
  }

  @Test func tokensThatDoubleThePassAreFoundFromItsTimes() {
    // 2 + 10 / 4 = 2 × (2 + 1 / 4)
    #expect(Self.cost([1, 16, 4, 40]).tokens(stretch: 2) == 10)
    #expect(Self.cost([1, 64]).tokens(stretch: 1.5) == 5)
    #expect(Self.cost([1, 64]).tokens(stretch: 1) == 1)
  }

  @Test func passesThatTheMachineInterruptedChangeLittle() throws {
    let found = try #require(Self.cost([1, 16, 4, 40], noise: 0.05).tokens(stretch: 2))
    #expect((6...24).contains(found), "\(found)")
  }

  @Test func passesThatAreAlikeSayNothing() {
    #expect(PassCost().tokens(stretch: 2) == nil)
    #expect(Self.cost([64]).tokens(stretch: 2) == nil)
    #expect(Self.cost([500, 1000]).tokens(stretch: 2) == nil)
  }

  @Test func timesThatDoNotGrowAllowTheMost() {
    var cost = PassCost()
    for index in 0..<100 { cost.add(tokens: 1 + index % 60, seconds: 0.002) }
    #expect(cost.tokens(stretch: 1.5) == 64)
  }
}
