import CKernels
import Testing

@testable import MotetTensor

@Suite struct DropoutTests {
  @Compute func mask(count: Int, rate: Float, seed: UInt64) -> [Float] {
    var y = [Float](repeating: 5, count: count)
    mk_dropout([Float](repeating: 1, count: count), &y, 1, Int64(count), rate, seed, false)
    return y
  }

  @Test(arguments: [Float(0.05), 0.3, 0.5]) @Compute func dropsTheRateAndScalesTheRest(rate: Float) {
    let drawn = mask(count: 200_000, rate: rate, seed: 42)
    let kept = drawn.filter { $0 != 0 }
    #expect(kept.allSatisfy { $0 == 1 / (1 - rate) })
    let share = 1 - Double(kept.count) / 200_000
    // Five standard deviations.
    #expect(abs(share - Double(rate)) < 5 * (Double(rate) * Double(1 - rate) / 200_000).squareRoot())
  }

  @Test @Compute func rateZeroKeepsEverything() {
    #expect(mask(count: 1000, rate: 0, seed: 1).allSatisfy { $0 == 1 })
  }

  @Test @Compute func aSeedRedrawsItsMaskAndAddsThroughIt() {
    let once = mask(count: 10_000, rate: 0.4, seed: 9)
    #expect(once == mask(count: 10_000, rate: 0.4, seed: 9))
    var sum = [Float](repeating: 2, count: 10_000)
    mk_dropout([Float](repeating: 1, count: 10_000), &sum, 1, 10_000, 0.4, 9, true)
    #expect(sum == once.map { $0 + 2 })
  }

  /// Neighbours of one mask, and the same or a nearby element under neighbouring seeds, agree half the time.
  @Test @Compute func masksOfNeighbouringSeedsAreUnrelated() {
    let count = 1 << 14
    let masks = (0..<8).map { mask(count: count, rate: 0.5, seed: UInt64($0)).map { $0 != 0 } }
    for (s, one) in masks.enumerated() {
      for (t, other) in masks.enumerated() {
        for offset in 0..<16 where s != t || offset != 0 {
          let agree = (0..<count).count { one[$0] == other[$0 ^ offset] }
          // Six standard deviations of 64.
          #expect(abs(agree - count / 2) < 6 * 64, "seeds \(s) and \(t), elements \(offset) apart")
        }
      }
    }
  }

  /// With W = 0 and A, B of ones, dx is the backward mask itself; y and dA show the forward one.
  @Test(arguments: [Kernels.fast, .reference]) @Compute func backwardDropsWhatForwardDropped(kernels: Kernels)
    throws
  {
    let (rows, inputs) = (11, 37)
    let matrix = try FrozenMatrix(
      [Float](repeating: 0, count: inputs), outputs: 1, inputs: inputs, precision: .f32)
    let term = LowRankTerm(
      rows: 2..<9, columns: 0..<1,
      loraA: Parameter(rows: 1, columns: inputs, [Float](repeating: 1, count: inputs), trainable: true),
      loraB: Parameter(rows: 1, columns: 1, [1], trainable: true), scale: 1,
      dropout: .init(rate: 0.4, sequences: [(3, 77), (4, 78)]))
    let values = floats(rows * inputs, seed: 5)
    let tape = Tape(recording: true, kernels: kernels)
    let x = tensor(rows, inputs, values)
    let y = try tape.adaptedLinear(x, matrix, terms: [term])
    try goBack(tape, from: y, [Float](repeating: 1, count: rows))
    let masked = try #require(x.gradientValue).values
    let expected = (0..<rows).map { row in
      (0..<inputs).reduce(Float(0)) { $0 + masked[row * inputs + $1] * values[row * inputs + $1] }
    }
    expectClose(y.values, expected, 1e-5, "y")
    let da = (0..<inputs).map { j in
      (0..<rows).reduce(Float(0)) { $0 + masked[$1 * inputs + j] * values[$1 * inputs + j] }
    }
    expectClose(term.loraA.gradient?.values ?? [], da, 1e-5, "dA")
    let dropped = masked[2 * inputs..<9 * inputs].count { $0 == 0 }
    #expect((60...150).contains(dropped), "\(dropped) of \(7 * inputs)")
    #expect(masked[0..<2 * inputs].allSatisfy { $0 == 0 } && masked[(9 * inputs)...].allSatisfy { $0 == 0 })
  }
}
