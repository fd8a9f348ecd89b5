import Foundation
import Testing

@testable import MotetTensor

/// An update before it is laid out.
struct UpdateSample {
  /// `[rank, inputs]`
  let loraA: [Float]
  /// `[outputs, rank]`
  let loraB: [Float]
  let rank: Int
  let inputs: Int
  let outputs: Int
  var scale: Float = 1
}

extension LowRankFactors {
  convenience init(_ samples: [UpdateSample?], as form: Form) {
    self.init(samples.map { $0.map { ($0.rank, $0.inputs, $0.outputs) } }, as: form) { site, values in
      guard let sample = samples[site] else { return 0 }
      _ = values.loraA.initialize(fromContentsOf: sample.loraA)
      _ = values.loraB.initialize(fromContentsOf: sample.loraB)
      return sample.scale
    }
  }
}

/// Factors that are laid out once, against plain loops and the values they came from.
@Suite struct LowRankFactorsTests {
  private static func source(
    _ inputs: Int, _ outputs: Int, _ rank: Int, seed: UInt64, scale: Float = 1
  ) -> UpdateSample {
    UpdateSample(
      loraA: floats(rank * inputs, seed: seed), loraB: floats(outputs * rank, seed: seed + 1), rank: rank,
      inputs: inputs, outputs: outputs, scale: scale)
  }

  /// Terms within the pass, beside it, and as plain loops.
  @Test(arguments: LowRankFactors.Form.allCases)
  @Compute func addWhatPlainLoopsSay(form: LowRankFactors.Form) throws {
    let sample = try StoredMatrixTests.sample(.q4_1, outputs: 80, inputs: 64, seed: 7)
    let stored = try FrozenMatrix(stored: [
      StoredBlocks(kind: .q4_1, outputs: 80, inputs: 64, bytes: sample.bytes)
    ])
    let narrow = try FrozenMatrix(
      sample.values, outputs: 80, inputs: 64, precision: Precision.automatic)
    let sites = LowRankFactors(
      [
        Self.source(64, 48, 5, seed: 10, scale: 2), Self.source(64, 32, 16, seed: 20, scale: 0.5),
        Self.source(64, 10, 40, seed: 40), nil, Self.source(64, 37, 17, seed: 30, scale: 1.5),
        Self.source(64, 80, 70, seed: 50),
      ], as: form)
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

  /// A site has the terms of all that change it, in the mix's order, and none of others.
  @Test @Compute func aMixAddsWhatItsPartsDoByTheirWeights() {
    let first = LowRankFactors(
      [Self.source(64, 48, 5, seed: 10, scale: 2), nil, Self.source(64, 48, 4, seed: 11)], as: .int8)
    let second = LowRankFactors([Self.source(64, 48, 9, seed: 12, scale: 3), nil, nil], as: .bf16)
    let mixed = LowRankFactors([(first, 0.5), (second, -2)])
    let x = Tensor(rows: 3, columns: 64, Tensor.roundedToBF16(floats(3 * 64, seed: 8)))
    func added(_ factors: LowRankFactors, at site: Int) -> [Float] {
      let y = Tensor.zeros(rows: 3, columns: 48)
      var terms = ForwardTerms()
      terms.append(factors, at: site, rows: 0..<3, columns: 0..<48)
      y.add(terms, of: x, kernels: .reference)
      return y.values
    }
    let parts = zip(added(first, at: 0), added(second, at: 0)).map { 0.5 * $0 - 2 * $1 }
    expectClose(added(mixed, at: 0), parts, 1e-5, "a site that both change")
    #expect(added(mixed, at: 1) == [Float](repeating: 0, count: 3 * 48))
    expectClose(added(mixed, at: 2), added(first, at: 2).map { 0.5 * $0 }, 1e-5, "a site of one")
  }

  /// Half a step of 127 to the highest of an output's 32 inputs; and steps are rounded up to bf16.
  @Test func codesOfEightBitsStayWithinHalfAStep() {
    let source = Self.source(150, 37, 70, seed: 3)
    let factors = LowRankFactors([source], as: .int8)
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
    let (loraA, loraB) = factors.floats(0)
    check(source.loraA, loraA, columns: 150)
    check(source.loraB, loraB, columns: 70)
  }

  /// What lies farthest from zero becomes -8 steps, and what lies as far on the other side 7: a whole step less.
  @Test func codesOfFourBitsStayWithinHalfAStep() {
    let source = Self.source(150, 37, 70, seed: 3)
    let factors = LowRankFactors([source], as: .int4)
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
    let (loraA, loraB) = factors.floats(0)
    check(source.loraA, loraA, columns: 150)
    check(source.loraB, loraB, columns: 70)
  }

  @Test func codesTakeAHalfAndAThirdOfBF16() {
    func bytes(_ form: LowRankFactors.Form) -> Int {
      LowRankFactors.byteCount(of: [(16, 576, 1536)], form: form, sites: 1)
    }
    #expect(bytes(.int8) == LowRankFactors([Self.source(576, 1536, 16, seed: 1)], as: .int8).byteCount)
    #expect(Double(bytes(.int4)) < Double(bytes(.bf16)) / 3)
    #expect(Double(bytes(.int8)) < 0.57 * Double(bytes(.bf16)))
  }

  @Test(arguments: [LowRankFactors.Form.int8, .int4])
  func nothingButZerosStaysSo(form: LowRankFactors.Form) {
    let source = UpdateSample(
      loraA: floats(4 * 32, seed: 1), loraB: [Float](repeating: 0, count: 20 * 4), rank: 4, inputs: 32,
      outputs: 20)
    let kept = LowRankFactors([source], as: form).floats(0).loraB
    #expect(kept == source.loraB)
  }

  /// A token's answer must not depend on what else is asked at the time.
  @Test(arguments: LowRankFactors.Form.allCases, [5, 8, 16, 40])
  @Compute func aRowsPartDependsOnThatRowAlone(form: LowRankFactors.Form, rank: Int) throws {
    // More inputs than one part of them.
    let factors = LowRankFactors([Self.source(1100, 53, rank, seed: 4, scale: 1.5)], as: form)
    let x = Tensor(rows: 19, columns: 1100, floats(19 * 1100, seed: 5))
    func added(_ x: Tensor) throws -> Tensor {
      let y = Tensor.zeros(rows: x.rows, columns: 60)
      var terms = ForwardTerms()
      terms.append(factors, at: 0, rows: 0..<x.rows, columns: 4..<57)
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
