import CKernels
import Foundation
import Testing

@testable import MotetTensor

/// Products with the blocks of a GGUF, against the values that ggml says they stand for.
@Suite struct StoredMatrixTests {
  private static func half(_ value: Float) -> [UInt8] {
    let bits = Float16(value).bitPattern
    return [UInt8(bits & 255), UInt8(bits >> 8)]
  }

  /// Random blocks, and what they stand for: ggml-quants.c, `dequantize_row_q4_0` and others.
  static func sample(
    _ kind: StoredBlocks.Kind, outputs: Int, inputs: Int, seed: UInt64
  ) -> (bytes: [UInt8], values: [Float]) {
    var generator = SeededGenerator(seed: seed)
    var bytes: [UInt8] = []
    var values: [Float] = []
    for _ in 0..<outputs * inputs / 32 {
      let d = Float(Float16(Float(generator.uniform()) * 0.1))
      let m = Float(Float16(-Float(generator.uniform())))
      let codes = (0..<32).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      bytes += half(d)
      func nibbles() -> [UInt8] { (0..<16).map { codes[$0] & 15 | (codes[$0 + 16] & 15) << 4 } }
      func fifth() -> [UInt8] {
        let bits = (0..<32).reduce(UInt32(0)) { $0 | UInt32(codes[$1] >> 4 & 1) << UInt32($1) }
        return (0..<4).map { UInt8(truncatingIfNeeded: bits >> UInt32(8 * $0)) }
      }
      switch kind {
      case .q4_0:
        bytes += nibbles()
        values += codes.map { d * (Float($0 & 15) - 8) }
      case .q4_1:
        bytes += half(m) + nibbles()
        values += codes.map { d * Float($0 & 15) + m }
      case .q5_0:
        bytes += fifth() + nibbles()
        values += codes.map { d * (Float($0 & 31) - 16) }
      case .q5_1:
        bytes += half(m) + fifth() + nibbles()
        values += codes.map { d * Float($0 & 31) + m }
      case .q8_0:
        bytes += codes
        values += codes.map { d * Float(Int8(bitPattern: $0)) }
      }
    }
    return (bytes, values)
  }

  @Compute private func matrix(_ kind: StoredBlocks.Kind) throws -> (FrozenMatrix, values: [Float]) {
    let first = Self.sample(kind, outputs: 37, inputs: 96, seed: 1)
    let second = Self.sample(.q8_0, outputs: 16, inputs: 96, seed: 2)
    let made = try FrozenMatrix(stored: [
      StoredBlocks(kind: kind, outputs: 37, inputs: 96, bytes: first.bytes),
      StoredBlocks(kind: .q8_0, outputs: 16, inputs: 96, bytes: second.bytes),
    ])
    return (made, first.values + second.values)
  }

  @Test(arguments: StoredBlocks.Kind.allCases)
  @Compute func valuesAreTheFilesOwn(kind: StoredBlocks.Kind) throws {
    let (made, values) = try matrix(kind)
    let isSame = made.floats() == values
    #expect(isSame)
    #expect(made.precision == .stored && made.outputs == 53)
  }

  /// Rows are brought to 8 bits: an input is off by half a step, 1/254 of the largest of its block.
  @Test(arguments: StoredBlocks.Kind.allCases, [1, 2, 3, 7, 8, 21])
  @Compute func productsAreWithinTheRoundingOfTheirInputs(kind: StoredBlocks.Kind, rows: Int) throws {
    let (made, values) = try matrix(kind)
    let x = floats(rows * 96, seed: 3)
    let y = Tensor.zeros(rows: rows, columns: 53)
    try made.multiply(Tensor(rows: rows, columns: 96, x), into: y, kernels: .fast)
    let expected = Reference.product(x, values, rows: rows, outputs: 53, inputs: 96, transposed: true)
    for row in 0..<rows {
      for output in 0..<53 {
        let size = (0..<96).reduce(Float(0)) { $0 + abs(values[output * 96 + $1]) }
        let found = y.row(row)[output]
        // On average far less: the errors of the inputs are as often above as below.
        #expect(abs(found - expected[row * 53 + output]) <= size / 254 + 1e-4)
      }
    }
    try made.multiply(Tensor(rows: rows, columns: 96, x), into: y, accumulate: true, kernels: .fast)
    expectClose(y.values, expected.map { 2 * $0 }, 0.02, "added to")
  }

  /// What a row comes to must not depend on the batch it is in.
  @Test(arguments: StoredBlocks.Kind.allCases)
  @Compute func aRowHasTheSameBitsAloneAndInABatch(kind: StoredBlocks.Kind) throws {
    let (made, _) = try matrix(kind)
    let x = floats(19 * 96, seed: 4)
    let together = Tensor.zeros(rows: 19, columns: 53)
    try made.multiply(Tensor(rows: 19, columns: 96, x), into: together, kernels: .fast)
    for row in 0..<19 {
      let alone = Tensor.zeros(rows: 1, columns: 53)
      try made.multiply(
        Tensor(rows: 1, columns: 96, Array(x[row * 96..<(row + 1) * 96])), into: alone, kernels: .fast)
      let isSame = alone.values == together.slice(row..<row + 1, columns: 0..<53)
      #expect(isSame)
    }
  }

  @Test @Compute func rowsCanBeInAnotherOrderThanInTheFile() throws {
    let sample = Self.sample(.q4_1, outputs: 20, inputs: 64, seed: 5)
    let order = (0..<20).map { Int64(19 - $0) }
    let made = try FrozenMatrix(stored: [
      StoredBlocks(kind: .q4_1, outputs: 20, inputs: 64, bytes: sample.bytes, rows: order)
    ])
    let turned = (0..<20).flatMap { sample.values[(19 - $0) * 64..<(20 - $0) * 64] }
    let isSame = made.floats() == turned
    #expect(isSame)
  }

  @Test @Compute func gradientsGoBackThroughTheSameValues() throws {
    let (made, values) = try matrix(.q4_1)
    let dy = floats(5 * 53, seed: 6)
    let dx = Tensor.zeros(rows: 5, columns: 96)
    try made.multiplyTransposed(Tensor(rows: 5, columns: 53, dy), into: dx, kernels: .fast)
    let expected = Reference.product(dy, values, rows: 5, outputs: 96, inputs: 53, transposed: false)
    expectClose(dx.values, expected, 0.01, "dx")
  }
}
