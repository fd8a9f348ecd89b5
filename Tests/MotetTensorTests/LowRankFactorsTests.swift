import Foundation
import Testing

@testable import MotetTensor

/// Factors that are laid out once, against plain loops and the values they came from.
@Suite struct LowRankFactorsTests {
  private static func source(_ inputs: Int, _ outputs: Int, _ rank: Int, seed: UInt64)
    -> LowRankFactors.Source
  {
    LowRankFactors.Source(
      loraA: floats(rank * inputs, seed: seed), loraB: floats(outputs * rank, seed: seed + 1), rank: rank,
      inputs: inputs, outputs: outputs)
  }

  /// Terms within the pass, beside it, and as plain loops.
  @Test(arguments: LowRankFactors.Form.allCases)
  @Compute func addWhatPlainLoopsSay(form: LowRankFactors.Form) throws {
    let sample = StoredMatrixTests.sample(.q4_1, outputs: 80, inputs: 64, seed: 7)
    let stored = try FrozenMatrix(stored: [
      StoredBlocks(kind: .q4_1, outputs: 80, inputs: 64, bytes: sample.bytes)
    ])
    let narrow = try FrozenMatrix(
      sample.values, outputs: 80, inputs: 64, precision: Precision.automatic)
    let factors = LowRankFactors.packed(
      [
        Self.source(64, 48, 5, seed: 10), Self.source(64, 32, 16, seed: 20),
        Self.source(64, 10, 40, seed: 40),
        Self.source(64, 37, 17, seed: 30), Self.source(64, 80, 70, seed: 50),
      ], as: form)
    let sites = ForwardSites([
      [(factors[0], 2)], [(factors[1], 0.5)], [(factors[2], 1)], [], [(factors[3], 1.5)], [(factors[4], 1)],
    ])
    var terms = ForwardTerms()
    terms.append(sites, at: 0, rows: 0..<1, columns: 0..<48)
    terms.append(sites, at: 1, rows: 0..<1, columns: 48..<80)
    // Ends in the middle of sixteen columns, just before a block of the team's.
    terms.append(sites, at: 2, rows: 0..<12, columns: 50..<60)
    terms.append(sites, at: 3, rows: 0..<12, columns: 0..<80)
    terms.append(sites, at: 4, rows: 1..<12, columns: 3..<40)
    terms.append(sites, at: 5, rows: 2..<5, columns: 0..<80)
    let x = Tensor(rows: 12, columns: 64, Tensor.roundedToBF16(floats(12 * 64, seed: 8)))
    func product(_ matrix: FrozenMatrix, _ terms: ForwardTerms, _ kernels: Kernels) throws -> [Float] {
      let y = Tensor.zeros(rows: 12, columns: 80)
      try matrix.multiply(x, into: y, adding: terms, kernels: kernels)
      return y.values
    }
    for matrix in [stored, narrow] {
      let bare = try product(matrix, ForwardTerms(), .fast)
      let added = zip(try product(matrix, terms, .fast), bare).map { $0 - $1 }
      let plain = zip(
        try product(matrix, terms, .reference), try product(matrix, ForwardTerms(), .reference))
      expectClose(added, plain.map { $0 - $1 }, 0.01, "what \(matrix.precision) adds")
    }
  }

  /// Half a step of 127 to the highest of an output's 32 inputs; and steps are rounded up to bf16.
  @Test func codesOfEightBitsStayWithinHalfAStep() {
    let source = Self.source(150, 37, 70, seed: 3)
    guard let factors = LowRankFactors.packed([source], as: .int8).first else { return }
    func check(_ values: [Float], _ kept: [Float], columns: Int) {
      for begin in stride(from: 0, to: values.count, by: columns) {
        for block in stride(from: begin, to: begin + columns, by: 32) {
          let places = block..<min(block + 32, begin + columns)
          let highest: Float = places.map { abs(values[$0]) }.max() ?? 0
          let step: Float = highest / 127 * (1 + 1 / 128)
          let bound: Float = step * 0.501
          #expect(places.allSatisfy { abs(values[$0] - kept[$0]) <= bound })
        }
      }
    }
    let (loraA, loraB) = factors.floats()
    check(source.loraA, loraA, columns: 150)
    check(source.loraB, loraB, columns: 70)
  }

  /// What lies farthest from zero becomes -8 steps, and what lies as far on the other side 7: a whole step less.
  @Test func codesOfFourBitsStayWithinHalfAStep() throws {
    let source = Self.source(150, 37, 70, seed: 3)
    let factors = try #require(LowRankFactors.packed([source], as: .int4).first)
    func check(_ values: [Float], _ kept: [Float], columns: Int) {
      for begin in stride(from: 0, to: values.count, by: columns) {
        for block in stride(from: begin, to: begin + columns, by: 32) {
          let places = block..<min(block + 32, begin + columns)
          let farthest = places.map { values[$0] }.max { abs($0) < abs($1) } ?? 0
          let step = farthest / -8
          #expect(
            places.allSatisfy { place in
              let half = values[place] / step > 7 ? Float(1) : 0.5
              return abs(values[place] - kept[place]) <= half * abs(step) + abs(values[place]) / 256 + 1e-6
            })
        }
      }
    }
    let (loraA, loraB) = factors.floats()
    check(source.loraA, loraA, columns: 150)
    check(source.loraB, loraB, columns: 70)
  }

  @Test func codesTakeAHalfAndAThirdOfBF16() {
    func bytes(_ form: LowRankFactors.Form) -> Int {
      LowRankFactors.byteCount(rank: 16, inputs: 576, outputs: 1536, form: form)
    }
    #expect(Double(bytes(.int4)) < Double(bytes(.bf16)) / 3)
    #expect(Double(bytes(.int8)) < 0.57 * Double(bytes(.bf16)))
  }

  @Test(arguments: [LowRankFactors.Form.int8, .int4])
  func nothingButZerosStaysSo(form: LowRankFactors.Form) {
    let source = LowRankFactors.Source(
      loraA: floats(4 * 32, seed: 1), loraB: [Float](repeating: 0, count: 20 * 4), rank: 4, inputs: 32,
      outputs: 20)
    let kept = LowRankFactors.packed([source], as: form).first?.floats().loraB
    #expect(kept == source.loraB)
  }

  /// A token's answer must not depend on what else is asked at the time.
  @Test(arguments: LowRankFactors.Form.allCases, [5, 8, 16, 40])
  @Compute func aRowsPartDependsOnThatRowAlone(form: LowRankFactors.Form, rank: Int) throws {
    // More inputs than one part of them.
    let factors = LowRankFactors.packed([Self.source(1100, 53, rank, seed: 4)], as: form)
    let x = Tensor(rows: 19, columns: 1100, floats(19 * 1100, seed: 5))
    func added(_ x: Tensor) throws -> Tensor {
      let y = Tensor.zeros(rows: x.rows, columns: 60)
      var terms = ForwardTerms()
      terms.append(ForwardSites([[(factors[0], 1.5)]]), at: 0, rows: 0..<x.rows, columns: 4..<57)
      y.add(terms, of: x, kernels: .fast)
      return y
    }
    let together = try added(x)
    for row in 0..<19 {
      let alone = try added(Tensor(rows: 1, columns: 1100, x.slice(row..<row + 1, columns: 0..<1100)))
      let isSame = alone.values == together.slice(row..<row + 1, columns: 0..<60)
      #expect(isSame, "row \(row)")
    }
  }
}
