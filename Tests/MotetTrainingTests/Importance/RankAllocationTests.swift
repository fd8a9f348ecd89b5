import MotetTensor
import Testing

@testable import MotetModels
@testable import MotetTraining

@Suite struct RankAllocationTests {
  private func importances(_ values: [(value: Double, inputs: Int, outputs: Int)]) -> SiteImportances {
    SiteImportances(
      entries: values.enumerated().map { index, entry in
        .init(
          site: AdapterSite(
            path: "layers.\(index).mlp.up_proj", layer: index, module: "up_proj", kind: .up,
            inputs: entry.inputs, outputs: entry.outputs, sharesInput: false),
          value: entry.value)
      }, measure: .gradientNorm, rows: 1, labels: 1)
  }

  private func cost(_ importances: SiteImportances, _ ranks: [Int]) -> Int {
    zip(importances.entries, ranks).reduce(0) { $0 + $1.0.site.valuesPerRank * $1.1 }
  }

  @Test func equalCostsGetRanksInProportionToImportance() throws {
    let sites = importances([(6, 50, 50), (3, 50, 50), (1, 50, 50), (0, 50, 50)])
    #expect(try sites.ranks(spending: 2000) == [12, 6, 2, 0])
  }

  @Test func aDearerMatrixGetsTheSameValuesForTheSameImportance() throws {
    let sites = importances([(1, 50, 50), (1, 150, 150)])
    #expect(try sites.ranks(spending: 6000) == [30, 10])
  }

  @Test func theBudgetIsKeptAndSpent() throws {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<40 {
      let sites = importances(
        (0..<30).map { _ -> (value: Double, inputs: Int, outputs: Int) in
          let value = generator.uniform() * generator.uniform()
          let (inputs, outputs) = (generator.next() % 400, generator.next() % 400)
          return (value, 32 + Int(inputs), 32 + Int(outputs))
        })
      let budget = 20_000 + Int(generator.next() % 80_000)
      let ranks = try sites.ranks(spending: budget)
      let spent = cost(sites, ranks)
      #expect(spent <= budget && Double(spent) >= 0.95 * Double(budget))
      for (entry, rank) in zip(sites.entries, ranks) { #expect((0...entry.site.largestRank).contains(rank)) }
    }
  }

  @Test func noMatrixGetsMoreThanItsSmallerSideOrTheMaximum() throws {
    let sites = importances([(100, 8, 90), (1, 50, 50)])
    #expect(try sites.ranks(spending: 100_000) == [8, 50])
    #expect(try sites.ranks(spending: 100_000, maximumRank: 5) == [5, 5])
    #expect(throws: RankSuggestionError.self) { try sites.ranks(spending: 1000, maximumRank: 0) }
  }

  @Test func whatIsLeftGoesToWhatItIsEnoughFor() throws {
    let sites = importances([(1000, 100, 100), (1, 10, 10)])
    #expect(try sites.ranks(spending: 230) == [1, 1])
  }

  @Test func aBudgetForNoRankAndImportanceOfNothingAreRefused() {
    let sites = importances([(1, 50, 50), (1, 20, 21)])
    #expect(throws: RankSuggestionError.budgetTooSmall(40, least: 41)) { try sites.ranks(spending: 40) }
    #expect(throws: RankSuggestionError.noImportance) {
      try importances([(0, 5, 5)]).ranks(spending: 100)
    }
  }

  @Test func budgetsAreRead() throws {
    #expect(try ParameterBudget(parsing: "2000000") == .values(2_000_000))
    #expect(try ParameterBudget(parsing: "500k") == .values(500_000))
    #expect(try ParameterBudget(parsing: "1.5M") == .values(1_500_000))
    let uniform = try ParameterBudget(parsing: "rank:16")
    #expect(uniform == .uniformRank(16))
    #expect(uniform.count(over: importances([(1, 50, 50), (1, 8, 90)]).entries.map(\.site)) == 1600 + 784)
    for text in ["", "many", "-5", "0", "k", "1e40", "nan", "rank:", "rank:0", "rank:x", "2 M"] {
      let error = #expect(throws: RankSuggestionError.self) { try ParameterBudget(parsing: text) }
      #expect(error.map { "\($0)".contains("\"\(text)\"") && "\($0)".contains("rank:16") } == true)
    }
  }
}
