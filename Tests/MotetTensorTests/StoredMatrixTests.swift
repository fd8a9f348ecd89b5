import CKernels
import Foundation
import Testing

@testable import MotetFormats
@testable import MotetTensor

/// Products with the blocks of a GGUF, against the values that MotetFormats reads from them.
@Suite struct StoredMatrixTests {
  /// Where a block has its f16 scale and, if it has one, its offset, and about how large its codes times scales get.
  private static func scales(_ kind: StoredBlocks.Kind) -> (d: Int, m: Int?, size: Float) {
    switch kind {
    case .q4_0: (0, nil, 8)
    case .q4_1: (0, 2, 15)
    case .q5_0: (0, nil, 16)
    case .q5_1: (0, 2, 31)
    case .q8_0, .iq4_NL: (0, nil, 128)
    case .q2_K: (80, 82, 45)
    case .q3_K: (108, nil, 128)
    case .q4_K: (0, 2, 945)
    case .q5_K: (0, 2, 1953)
    case .q6_K: (208, nil, 4096)
    case .iq4_XS: (0, nil, 4096)
    }
  }

  /// Random blocks, and what they stand for.
  static func sample(
    _ kind: StoredBlocks.Kind, outputs: Int, inputs: Int, seed: UInt64
  ) throws -> (bytes: [UInt8], values: [Float]) {
    var generator = SeededGenerator(seed: seed)
    let count = outputs * inputs / kind.blockValues
    var bytes = (0..<count * kind.blockBytes).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 32) }
    let (d, m, size) = scales(kind)
    func put(_ value: Float, at place: Int) {
      let bits = Float16(value).bitPattern
      bytes[place] = UInt8(bits & 255)
      bytes[place + 1] = UInt8(bits >> 8)
    }
    for block in 0..<count {
      put(Float(generator.uniform()) / size, at: block * kind.blockBytes + d)
      if let m { put(Float(generator.uniform() - 0.5) / 40, at: block * kind.blockBytes + m) }
    }
    return (bytes, try values(kind, bytes))
  }

  static func values(_ kind: StoredBlocks.Kind, _ bytes: [UInt8]) throws -> [Float] {
    let type = try #require(ElementType(ggmlNumber: kind.number))
    let blocks = bytes.count / kind.blockBytes
    var values = [Float](repeating: 0, count: blocks * kind.blockValues)
    bytes.withUnsafeBytes { stored in
      values.withUnsafeMutableBufferPointer { floats in
        if let x = stored.baseAddress, let y = floats.baseAddress { type.expand(x, blocks, y) }
      }
    }
    return values
  }

  /// Whole blocks, not many.
  private static func inputs(_ kind: StoredBlocks.Kind) -> Int { kind.blockValues == 32 ? 96 : 512 }

  /// Of two parts, one below the other: panels of 32 outputs, of fewer and of fewer than half.
  private func parts(_ kind: StoredBlocks.Kind) throws -> (parts: [StoredBlocks], values: [Float]) {
    let inputs = Self.inputs(kind)
    let first = try Self.sample(kind, outputs: 37, inputs: inputs, seed: 1)
    let second = try Self.sample(.q8_0, outputs: 20, inputs: inputs, seed: 2)
    let parts = [
      StoredBlocks(kind: kind, outputs: 37, inputs: inputs, bytes: first.bytes),
      StoredBlocks(kind: .q8_0, outputs: 20, inputs: inputs, bytes: second.bytes),
    ]
    return (parts, first.values + second.values)
  }

  @Compute private func matrix(_ kind: StoredBlocks.Kind) throws -> (FrozenMatrix, values: [Float]) {
    let (parts, values) = try parts(kind)
    return (try FrozenMatrix(stored: parts), values)
  }

  @Test func theTablesOfBlocksAgree() throws {
    for kind in StoredBlocks.Kind.allCases {
      let type = try #require(ElementType(ggmlNumber: kind.number))
      #expect(type.blockElements == kind.blockValues && type.blockBytes == kind.blockBytes)
      #expect(StoredBlocks.Kind(number: kind.number) == kind)
    }
    #expect(StoredBlocks.Kind(number: 0) == nil)
  }

  @Test(arguments: StoredBlocks.Kind.allCases)
  @Compute func valuesAreTheFilesOwn(kind: StoredBlocks.Kind) throws {
    let (made, values) = try matrix(kind)
    let isSame = made.floats().map(\.bitPattern) == values.map(\.bitPattern)
    #expect(isSame)
    #expect(made.precision == .stored && made.outputs == 57)
  }

  /// Rows are brought to 8 bits: an input is off by half a step, 1/254 of the largest of its block.
  @Test(arguments: StoredBlocks.Kind.allCases, [1, 2, 3, 7, 8, 21])
  @Compute func productsAreWithinTheRoundingOfTheirInputs(kind: StoredBlocks.Kind, rows: Int) throws {
    let (made, values) = try matrix(kind)
    let inputs = Self.inputs(kind)
    let x = floats(rows * inputs, seed: 3)
    let y = Tensor.zeros(rows: rows, columns: 57)
    try made.multiply(Tensor(rows: rows, columns: inputs, x), into: y, kernels: .fast)
    let expected = Reference.product(x, values, rows: rows, outputs: 57, inputs: inputs, transposed: true)
    for row in 0..<rows {
      for output in 0..<57 {
        let size = (0..<inputs).reduce(Float(0)) { $0 + abs(values[output * inputs + $1]) }
        let found = y.row(row)[output]
        // On average far less: the errors of the inputs are as often above as below.
        #expect(abs(found - expected[row * 57 + output]) <= size / 254 + 1e-4)
      }
    }
    try made.multiply(Tensor(rows: rows, columns: inputs, x), into: y, accumulate: true, kernels: .fast)
    expectClose(y.values, expected.map { 2 * $0 }, 0.02, "added to")
  }

  /// What a row comes to must not depend on the batch it is in.
  @Test(arguments: StoredBlocks.Kind.allCases)
  @Compute func aRowHasTheSameBitsAloneAndInABatch(kind: StoredBlocks.Kind) throws {
    let (made, _) = try matrix(kind)
    let inputs = Self.inputs(kind)
    let x = floats(19 * inputs, seed: 4)
    let together = Tensor.zeros(rows: 19, columns: 57)
    try made.multiply(Tensor(rows: 19, columns: inputs, x), into: together, kernels: .fast)
    for row in 0..<19 {
      let alone = Tensor.zeros(rows: 1, columns: 57)
      let own = Array(x[row * inputs..<(row + 1) * inputs])
      try made.multiply(Tensor(rows: 1, columns: inputs, own), into: alone, kernels: .fast)
      let isSame = alone.values == together.slice(row..<row + 1, columns: 0..<57)
      #expect(isSame)
    }
  }

  @Compute private func product(_ matrix: StoredMatrix, _ x: Tensor) -> [Float] {
    let y = Tensor.zeros(rows: x.rows, columns: matrix.outputs)
    matrix.multiply(x, into: y, accumulate: false, adding: [])
    return y.values
  }

  /// Kernels differ by their instructions and not by what they add up, nor in which order. Long rows go through a panel in
  /// several runs.
  @Test(arguments: StoredBlocks.Kind.allCases, [96, 4096])
  @Compute func kernelsGiveTheBitsOfPlainLoops(kind: StoredBlocks.Kind, least: Int) throws {
    // Without an instruction that multiplies and adds in one, the plain loops round twice.
    guard mk_vector_level() != 1 else { return }
    let inputs = max(least, Self.inputs(kind))
    let sample = try Self.sample(kind, outputs: 71, inputs: inputs, seed: 7)
    let blocks = StoredBlocks(kind: kind, outputs: 71, inputs: inputs, bytes: sample.bytes)
    let (made, plain) = (try StoredMatrix([blocks]), try StoredMatrix([blocks], isPlain: true))
    for rows in [1, 2, 3, 4, 5, 8, 11, 12, 16, 31, 40] {
      let x = Tensor(rows: rows, columns: inputs, floats(rows * inputs, seed: UInt64(rows)))
      let (found, expected) = (product(made, x), product(plain, x))
      let differing = found.indices.filter { found[$0].bitPattern != expected[$0].bitPattern }
      #expect(differing.isEmpty, "\(rows) rows: \(differing.prefix(4).map { (found[$0], expected[$0]) })")
    }
  }

  /// The largest codes there are with the largest inputs, whose sums of 16 bits come nearest to their end.
  @Test(arguments: StoredBlocks.Kind.allCases, [0x00, 0x7F, 0x80, 0xFF])
  @Compute func theLargestCodesDoNotOverflow(kind: StoredBlocks.Kind, byte: Int) throws {
    let inputs = Self.inputs(kind)
    var bytes = [UInt8](repeating: UInt8(byte), count: 32 * inputs / kind.blockValues * kind.blockBytes)
    let (d, m, _) = Self.scales(kind)
    for block in stride(from: 0, to: bytes.count, by: kind.blockBytes) {
      for place in [d, m].compactMap(\.self) {
        let bits = Float16(0.5).bitPattern
        bytes[block + place] = UInt8(bits & 255)
        bytes[block + place + 1] = UInt8(bits >> 8)
      }
    }
    let values = try Self.values(kind, bytes)
    let made = try StoredMatrix([StoredBlocks(kind: kind, outputs: 32, inputs: inputs, bytes: bytes)])
    for sign in [Float(1), -1] {
      for rows in [1, 13] {
        let x = [Float](repeating: sign, count: rows * inputs)
        let found = product(made, Tensor(rows: rows, columns: inputs, x))
        let expected = Reference.product(
          x, values, rows: rows, outputs: 32, inputs: inputs, transposed: true)
        for (one, other) in zip(found, expected) { #expect(abs(one - other) <= abs(other) * 1e-5 + 1e-3) }
      }
    }
  }

  @Test func rowsThatAreNotWholeBlocksAreRefused() {
    for (type, inputs) in [(MK_Q4_K, 576), (MK_Q4_0, 48), (MK_Q6_K, 0)] {
      let part = mk_stored_part(type: Int32(type), outputs: 1, blocks: nil, rows: nil)
      #expect(mk_stored_create([part], 1, Int64(inputs), false) == nil)
      #expect(String(cString: mk_last_error()).contains("rows of \(inputs) values are not whole blocks"))
    }
    let part = mk_stored_part(type: 16, outputs: 1, blocks: nil, rows: nil)
    #expect(mk_stored_create([part], 1, 256, false) == nil)
  }

  @Test(arguments: StoredBlocks.Kind.allCases)
  @Compute func rowsCanBeInAnotherOrderThanInTheFile(kind: StoredBlocks.Kind) throws {
    let inputs = Self.inputs(kind)
    let sample = try Self.sample(kind, outputs: 20, inputs: inputs, seed: 5)
    let order = (0..<20).map { Int64(19 - $0) }
    let made = try FrozenMatrix(stored: [
      StoredBlocks(kind: kind, outputs: 20, inputs: inputs, bytes: sample.bytes, rows: order)
    ])
    let turned = (0..<20).flatMap { sample.values[(19 - $0) * inputs..<(20 - $0) * inputs] }
    let isSame = made.floats() == turned
    #expect(isSame)
  }

  @Test(arguments: [StoredBlocks.Kind.q4_1, .q6_K])
  @Compute func gradientsGoBackThroughTheSameValues(kind: StoredBlocks.Kind) throws {
    let (made, values) = try matrix(kind)
    let inputs = Self.inputs(kind)
    let dy = floats(5 * 57, seed: 6)
    let dx = Tensor.zeros(rows: 5, columns: inputs)
    try made.multiplyTransposed(Tensor(rows: 5, columns: 57, dy), into: dx, kernels: .fast)
    let expected = Reference.product(dy, values, rows: 5, outputs: inputs, inputs: 57, transposed: false)
    expectClose(dx.values, expected, 0.01, "dx")
  }

  /// A head's own rows embed.
  @Test(arguments: StoredBlocks.Kind.allCases)
  @Compute func aTableSharesTheHeadsRows(kind: StoredBlocks.Kind) throws {
    let inputs = Self.inputs(kind)
    let sample = try Self.sample(kind, outputs: 70, inputs: inputs, seed: 8)
    let head = try FrozenMatrix(stored: [
      StoredBlocks(kind: kind, outputs: 70, inputs: inputs, bytes: sample.bytes)
    ])
    let tokens: [Int32] = [69, 0, 33, 31, 0]
    let found = FrozenTable(sharing: head).lookUp(tokens).values
    let expected = tokens.flatMap { sample.values[Int($0) * inputs..<(Int($0) + 1) * inputs] }
    let isSame = found.map(\.bitPattern) == expected.map(\.bitPattern)
    #expect(isSame)
  }
}
