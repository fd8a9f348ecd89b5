import MotetTensor
import Testing

@testable import MotetServing

@Suite struct FairSplitTests {
  @Test func whoWantsLittleHasItAllAndTheOthersShareTheRest() {
    #expect(FairSplit.shares(of: 16, [(1, 1), (63, 1)]) == [1, 15])
    #expect(FairSplit.shares(of: 16, [(63, 1), (1, 1), (2, 1)]) == [13, 1, 2])
    #expect(FairSplit.shares(of: 30, [(100, 1), (100, 1), (4, 1)]) == [13, 13, 4])
    #expect(FairSplit.shares(of: 10, [(3, 1), (0, 1), (2, 1)]) == [3, 0, 2])
    #expect(FairSplit.shares(of: 0, [(3, 1)]) == [0])
    #expect(FairSplit.shares(of: 5, []) == [])
  }

  @Test func sharesAreByWeightAndNobodyIsLeftOut() {
    #expect(FairSplit.shares(of: 40, [(100, 3), (100, 1)]) == [30, 10])
    #expect(FairSplit.shares(of: 40, [(100, 1000), (100, 1)]) == [39, 1])
    #expect(FairSplit.shares(of: 2, [(9, 1), (9, 1), (9, 1)]).reduce(0, +) == 2)
  }

  @Test func allIsGivenAndNobodyHasMoreThanOneWhoWantsMore() {
    var generator = SeededGenerator(seed: 1, for: "shares")
    for _ in 0..<500 {
      let demands = (0..<Int.random(in: 1...9, using: &generator)).map { _ in
        (amount: Int.random(in: 0...40, using: &generator), weight: 1.0)
      }
      let amount = Int.random(in: 0...200, using: &generator)
      let shares = FairSplit.shares(of: amount, demands)
      #expect(shares.reduce(0, +) == min(amount, demands.reduce(0) { $0 + $1.amount }))
      for (share, demand) in zip(shares, demands) {
        #expect(share <= demand.amount)
        if share < demand.amount { #expect(shares.allSatisfy { $0 <= share + 1 }) }
      }
    }
  }
}
