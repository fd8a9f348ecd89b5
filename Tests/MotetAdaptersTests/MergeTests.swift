import Foundation
import MotetAdapters
import Testing

@Suite struct MergeTests {
  @Test func eachMethodGivesTheDeltaThatPEFTGives() throws {
    let fixture = try MergeFixture.load()
    #expect(fixture.merges.count == 7)
    for expected in fixture.merges {
      let merged = try Merge.method(named: expected.method)
        .merge(fixture.terms(of: expected), rank: expected.rank)
      #expect(merged.sites.keys.sorted() == expected.deltas.keys.sorted())
      for (site, delta) in expected.deltas {
        let difference = largestDifference(merged.sites[site]!.delta(), delta)
        #expect(difference < 1e-5, "\(expected), \(site)")
      }
    }
  }

  @Test func svdReachesTheBestErrorOfItsRank() throws {
    let fixture = try MergeFixture.load()
    for expected in fixture.merges where expected.method == "svd" {
      let terms = try fixture.terms(of: expected)
      let merged = try SVDMerge().merge(terms, rank: expected.rank)
      let exact = try CatMerge().merge(terms)
      for (site, best) in expected.bestErrors {
        let error = zip(merged.sites[site]!.delta(), exact.sites[site]!.delta())
          .reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
        #expect(abs(error - best) < 1e-5, "\(expected), \(site): \(error) for \(best)")
      }
    }
  }

  @Test func catIsExactAndItsRanksAddUp() throws {
    let one = try AdapterWeights(sites: ["p": noisyWeights(rank: 3, inputs: 7, outputs: 5, seed: 1)])
    let two = try AdapterWeights(sites: [
      "p": noisyWeights(rank: 2, inputs: 7, outputs: 5, seed: 2),
      "q": noisyWeights(rank: 2, inputs: 4, outputs: 4, seed: 3),
    ])
    let merged = try CatMerge().merge([(one, 0.5), (two, -2)])
    #expect(merged.sites["p"]?.rank == 5)
    #expect(merged.sites["q"]?.rank == 2)
    #expect(merged.sites["p"]?.scale == 1)
    let sum = zip(one.sites["p"]!.delta(), two.sites["p"]!.delta()).map { 0.5 * $0 - 2 * $1 }
    #expect(largestDifference(merged.sites["p"]!.delta(), sum) < 1e-5)
    #expect(
      largestDifference(merged.sites["q"]!.delta(), two.sites["q"]!.delta().map { -2 * $0 }) < 1e-5)
  }

  @Test func svdOfFullRankLosesNothing() throws {
    let one = try AdapterWeights(sites: ["p": noisyWeights(rank: 3, inputs: 40, outputs: 30, seed: 1)])
    let two = try AdapterWeights(sites: ["p": noisyWeights(rank: 4, inputs: 40, outputs: 30, seed: 2)])
    let terms = [(adapter: one, weight: Float(1)), (adapter: two, weight: Float(0.25))]
    let merged = try SVDMerge().merge(terms, rank: 7)
    #expect(merged.rank == 7)
    let exact = try CatMerge().merge(terms).sites["p"]!.delta()
    #expect(largestDifference(merged.sites["p"]!.delta(), exact) < 1e-5)
  }

  @Test func svdTakesTheLargestRankUnlessToldAndNeverMoreThanThereIs() throws {
    let one = try AdapterWeights(sites: ["p": noisyWeights(rank: 3, inputs: 6, outputs: 5, seed: 1)])
    let two = try AdapterWeights(sites: ["p": noisyWeights(rank: 2, inputs: 6, outputs: 5, seed: 2)])
    #expect(try SVDMerge().merge([(one, 1), (two, 1)]).rank == 3)
    #expect(try SVDMerge().merge([(one, 1), (two, 1)], rank: 4).rank == 4)
    #expect(try SVDMerge().merge([(one, 1), (two, 1)], rank: 64).rank == 5)
  }

  @Test func svdOfAdaptersThatCancelIsZeroAndFinite() throws {
    let one = try AdapterWeights(sites: ["p": noisyWeights(rank: 3, inputs: 20, outputs: 30, seed: 1)])
    let merged = try SVDMerge().merge([(one, 1), (one, -1)])
    #expect(merged.sites["p"]!.delta().allSatisfy { abs($0) < 1e-6 })
    let silent = try SVDMerge().merge([(one, 0)])
    #expect(silent.sites["p"]!.delta().allSatisfy { $0 == 0 })
  }

  @Test func svdSpreadsTheSizeOverBothFactors() throws {
    let one = try AdapterWeights(sites: ["p": noisyWeights(rank: 2, inputs: 20, outputs: 30, seed: 1)])
    let merged = try SVDMerge().merge([(one, 1)]).sites["p"]!
    let a = merged.loraA.prefix(20).reduce(0) { $0 + $1 * $1 }
    let b = stride(from: 0, to: 60, by: 2).reduce(Float(0)) { $0 + merged.loraB[$1] * merged.loraB[$1] }
    #expect(abs(a - b) < 1e-4 * a)
    #expect(a > 0)
  }

  @Test func mergesGiveTheSameBitsEachTime() throws {
    let one = try AdapterWeights(sites: ["p": noisyWeights(rank: 5, inputs: 33, outputs: 17, seed: 1)])
    let two = try AdapterWeights(sites: ["p": noisyWeights(rank: 5, inputs: 33, outputs: 17, seed: 2)])
    for method in ["linear", "cat", "svd", "regmean"] {
      let first = try Merge.method(named: method).merge([(one, 0.6), (two, 0.4)])
      let second = try Merge.method(named: method).merge([(one, 0.6), (two, 0.4)])
      #expect(first == second)
    }
  }

  @Test func badMergesAreRefusedWithTheirReason() throws {
    let one = try AdapterWeights(sites: ["p": noisyWeights(rank: 3, inputs: 6, outputs: 5, seed: 1)])
    let otherRank = try AdapterWeights(sites: ["p": noisyWeights(rank: 2, inputs: 6, outputs: 5, seed: 2)])
    let otherBase = try AdapterWeights(sites: ["p": noisyWeights(rank: 3, inputs: 6, outputs: 9, seed: 2)])
    #expect(throws: MergeError.ranksDiffer(site: "p", ranks: [3, 2])) {
      try LinearMerge().merge([(one, 1), (otherRank, 1)])
    }
    for method in Merge.names {
      #expect(throws: MergeError.shapesDiffer(site: "p", first: [5, 6], other: [9, 6])) {
        try Merge.method(named: method).merge([(one, 1), (otherBase, 1)])
      }
      #expect(throws: MergeError.nothingToMerge) { try Merge.method(named: method).merge([]) }
      #expect(throws: MergeError.weightNotFinite(position: 2, weight: .infinity)) {
        try Merge.method(named: method).merge([(one, 1), (one, .infinity)])
      }
    }
    #expect(throws: MergeError.rankNotTaken(method: "cat")) { try CatMerge().merge([(one, 1)], rank: 3) }
    #expect(throws: MergeError.rankNotPositive(0)) { try SVDMerge().merge([(one, 1)], rank: 0) }
    #expect(throws: MergeError.unknownMethod(name: "tie", known: ["linear", "cat", "svd", "regmean"])) {
      try Merge.method(named: "tie")
    }
    #expect(throws: MergeError.unknownOption(name: "density", method: "svd", known: [])) {
      try Merge.method(named: "svd", options: ["density": 0.5])
    }
  }

  @Test func aWeightThatOverflowsIsRefusedNotWritten() throws {
    let one = try AdapterWeights(
      sites: ["p": noisyWeights(rank: 3, inputs: 6, outputs: 5, scale: 100, seed: 1)])
    #expect(throws: AdapterWeightsError.self) {
      try CatMerge().merge([(one, Float.greatestFiniteMagnitude), (one, 1)])
    }
  }
}
