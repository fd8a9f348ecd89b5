import MotetAdapters
import Testing

@Suite struct FuseTests {
  @Test func fusingAddsEachWeightedUpdate() throws {
    for rank in [1, 4, 7] {
      let one = try noisyWeights(rank: rank, inputs: 13, outputs: 9, seed: 1)
      let two = try noisyWeights(rank: 3, inputs: 13, outputs: 9, scale: 0.5, seed: 2)
      let base = noise(13 * 9, seed: 3)
      let fused = try Fuse.fused(
        base: base, outputs: 9, inputs: 13, adding: [(one, 0.5), (two, -2)], site: "p")
      for output in 0..<9 {
        for input in 0..<13 {
          var expected = Double(base[output * 13 + input])
          for (update, weight) in [(one, 0.5), (two, -2.0)] {
            for k in 0..<update.rank {
              expected +=
                weight * Double(update.scale) * Double(update.loraB[output * update.rank + k])
                * Double(update.loraA[k * 13 + input])
            }
          }
          #expect(abs(Double(fused[output * 13 + input]) - expected) < 1e-5)
        }
      }
    }
  }

  @Test func fusingNothingKeepsEveryBit() throws {
    let base = noise(12, seed: 3)
    #expect(try Fuse.fused(base: base, outputs: 3, inputs: 4, adding: [], site: "p") == base)
  }

  @Test func smallUpdatesOfALargeValueAreNotLostOneByOne() throws {
    // Each of the 64 parts is under half of the gap between floats at 1; their sum is well above it.
    let part: Float = 2e-8
    let update = try LowRankWeights(
      rank: 64, inputs: 1, outputs: 1, loraA: [Float](repeating: part, count: 64),
      loraB: [Float](repeating: 1, count: 64), scale: 1)
    let fused = try Fuse.fused(base: [1], outputs: 1, inputs: 1, adding: [(update, 1)], site: "p")
    #expect(abs(fused[0] - (1 + 64 * part)) < 1.2e-7)
    #expect(fused[0] > 1)
  }

  @Test func aMatrixOfAnotherShapeIsRefused() throws {
    let update = try noisyWeights(rank: 2, inputs: 4, outputs: 3, seed: 1)
    #expect(throws: FuseError.wrongShape(site: "p", base: [4, 3], update: [3, 4])) {
      try Fuse.fused(base: noise(12, seed: 1), outputs: 4, inputs: 3, adding: [(update, 1)], site: "p")
    }
    #expect(throws: FuseError.wrongBase(site: "p", outputs: 3, inputs: 4, count: 5)) {
      try Fuse.fused(base: noise(5, seed: 1), outputs: 3, inputs: 4, adding: [(update, 1)], site: "p")
    }
    #expect(throws: FuseError.notFinite(site: "p")) {
      try Fuse.fused(
        base: [Float](repeating: .greatestFiniteMagnitude, count: 12), outputs: 3, inputs: 4,
        adding: [(update, .greatestFiniteMagnitude)], site: "p")
    }
  }
}
