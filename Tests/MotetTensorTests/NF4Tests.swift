import CKernels
import Crypto
import Foundation
import MotetFormats
import Testing

@testable import MotetTensor

/// Tests/Fixtures/nf4, made with bitsandbytes through Tests/Fixtures/nf4.py.
@Suite struct NF4Tests {
  struct Fixture {
    let file: SafetensorsFile
    let name: String

    init(_ name: String, in made: String = "nf4.safetensors") throws {
      let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Fixtures/nf4")
      file = try SafetensorsFile(contentsOf: folder.appending(path: made))
      self.name = name
    }

    func floats(_ part: String) throws -> [Float] { try file.tensor("\(name).\(part)").floats() }
    func bytes(_ part: String) throws -> [UInt8] { try file.tensor("\(name).\(part)").bytes() }

    var shape: [Int] { get throws { try file.tensor("\(name).weights").shape } }

    func matrix() throws -> NF4Matrix {
      let shape = try shape
      return NF4Matrix(quantizing: try floats("weights"), outputs: shape[0], inputs: shape[1])
    }
  }

  @Test(arguments: ["even", "large", "odd", "ragged"])
  func codesScalesAndValuesAreThoseOfBitsandbytes(name: String) throws {
    let fixture = try Fixture(name)
    let matrix = try fixture.matrix()
    let count = matrix.outputs * matrix.inputs
    let isLastHalf = count % 2 == 1
    var codes = try fixture.bytes("codes")
    var own = [UInt8](matrix.codes)
    if isLastHalf {
      // Nobody reads the lower half of the last byte.
      codes[codes.count - 1] &= 0xF0
      own[own.count - 1] &= 0xF0
    }
    #expect(own == codes)
    #expect(try [UInt8](matrix.scales) == fixture.bytes("scale_codes"))
    let largest = matrix.nestedScales.withUnsafeBytes { [Float]($0.bindMemory(to: Float.self)) }
    #expect(try largest == fixture.floats("largest"))
    #expect(try matrix.scaleMean == fixture.floats("mean")[0])
    let isSame = try matrix.floats() == fixture.floats("values")
    #expect(isSame, "every value, bit for bit")
    #expect(try NF4Matrix.code == Fixture("code").file.tensor("code").floats())
  }

  @Test func aMatrixTakesHalfAByteAValue() {
    let matrix = NF4Matrix(quantizing: floats(576 * 1536, seed: 1), outputs: 576, inputs: 1536)
    let share = Double(matrix.bytes.count) / Double(576 * 1536)
    #expect((0.515..<0.52).contains(share))
  }

  /// A matrix with five bits a value.
  static func fine(_ outputs: Int, _ inputs: Int, seed: UInt64) throws -> NF4Matrix {
    var moment = [Float](repeating: 0, count: inputs * inputs)
    for column in 0..<inputs { moment[column * inputs + column] = 1 }
    return NF4Matrix(
      quantizing: floats(outputs * inputs, seed: seed), outputs: outputs, inputs: inputs,
      feedback: try ColumnFeedback(moment, inputs: inputs), fifthBits: true)
  }

  /// Both loops that unpack, over shapes with and without padding, against the values. The second matrix has a fifth bit.
  @Test(arguments: [(64, 64), (48, 64), (128, 192), (96, 128), (33, 15), (70, 100), (160, 576)])
  func slicesHoldTheValuesInBF16(outputs: Int, inputs: Int) throws {
    let parts = [
      NF4Matrix(quantizing: floats(outputs * inputs, seed: 1), outputs: outputs, inputs: inputs),
      try Self.fine(outputs, inputs, seed: 2),
    ]
    let described = parts.map(\.described)
    defer { withExtendedLifetime(parts) {} }
    let values = parts.flatMap { $0.floats() }
    for isBack in [false, true] {
      let (k, n) = isBack ? (2 * outputs, inputs) : (inputs, 2 * outputs)
      for first in stride(from: 0, to: n, by: 64) {
        let deep = (k + 31) / 32 * 32
        func slice(isPlain: Bool) -> [UInt16] {
          var slice = [UInt16](repeating: 7, count: deep * 64)
          mk_nf4_slice(described, 2, isBack, Int64(first), 64, &slice, isPlain)
          return slice
        }
        let plain = slice(isPlain: true)
        let isSame = plain == slice(isPlain: false)
        #expect(isSame, "the vector loop and the portable one, \(isBack) \(first)")
        var wrong = 0
        for i in 0..<deep {
          for j in 0..<64 {
            let (row, column) = isBack ? (i, first + j) : (first + j, i)
            let isThere = row < 2 * outputs && column < inputs
            var narrow: UInt16 = 0
            if isThere { mk_to_bf16([values[row * inputs + column]], &narrow, 1) }
            if plain[i / 32 * 2048 + i % 32 / 2 * 128 + j * 2 + i % 2] != narrow { wrong += 1 }
          }
        }
        #expect(wrong == 0, "[\(outputs), \(inputs)] \(isBack) from \(first)")
      }
    }
  }

  /// What an adapter learns on a matrix in NF4 is what it learns on its values held in bf16, as which they are
  /// multiplied; the plain loops multiply them as they are.
  @Test(.enabled(if: isPortable || mk_bf16_is_fast()), arguments: [3, 40, 200])
  @Compute func gradientsGoThroughTheUnpackedMatrix(rows: Int) throws {
    let (outputs, inputs, rank) = (192, 128, 4)
    let parts = [try Fixture("even").matrix(), try Self.fine(96, inputs, seed: 9)]
    let nf4 = FrozenMatrix(parts)
    let plain = try FrozenMatrix(
      nf4.floats(), outputs: outputs, inputs: inputs, precision: Kernels.standard == .fast ? .bf16 : .f32)
    func run(_ matrix: FrozenMatrix) throws -> [[Float]] {
      let a = Parameter(
        rows: rank, columns: inputs, floats(rank * inputs, seed: 3, scale: 0.1), trainable: true)
      let b = Parameter(rows: outputs, columns: rank, floats(outputs * rank, seed: 4), trainable: true)
      let tape = Tape(recording: true, storage: .bf16)
      let x = tensor(rows, inputs, floats(rows * inputs, seed: 5))
      let term = LowRankTerm(rows: 0..<rows, columns: 0..<outputs, loraA: a, loraB: b, scale: 0.5)
      let y = try tape.adaptedLinear(x, matrix, terms: [term])
      try goBack(tape, from: y, floats(rows * outputs, seed: 6))
      let dx = try #require(x.gradientValue)
      return [y.values, dx.values, a.gradient?.values ?? [], b.gradient?.values ?? []]
    }
    // The portable form of bf16 rounds the weights, that of NF4 does not.
    let tolerance: Float = isPortable ? 5e-3 : 2e-6
    for (own, expected) in zip(try run(nf4), try run(plain)) {
      #expect(own.contains { $0 != 0 })
      expectClose(own, expected, tolerance, "\(rows) rows")
    }
  }

  @Test @Compute func matricesStackedAreEachAsTheyAreAlone() throws {
    let parts = [
      NF4Matrix(quantizing: floats(64 * 100, seed: 1), outputs: 64, inputs: 100),
      try Self.fine(33, 100, seed: 2),
      NF4Matrix(quantizing: floats(7 * 100, seed: 3), outputs: 7, inputs: 100),
    ]
    let stacked = FrozenMatrix(parts)
    #expect(stacked.outputs == 104 && stacked.inputs == 100 && stacked.precision == .nf4)
    let x = tensor(9, 100, floats(900, seed: 4))
    let y = Tensor(rows: 9, columns: 104)
    try stacked.multiply(x, into: y, kernels: .fast)
    var first = 0
    for part in parts {
      let own = Tensor(rows: 9, columns: part.outputs)
      try FrozenMatrix([part]).multiply(x, into: own, kernels: .fast)
      expectClose(
        y.slice(0..<9, columns: first..<first + part.outputs), own.values, 1e-6, "outputs from \(first)")
      first += part.outputs
    }
    let row = FrozenTable(sharing: stacked).lookUp([70]).values
    #expect(row == Array(parts[1].floats()[600..<700]))
    func hash(_ matrix: FrozenMatrix) -> String {
      var sha = SHA256()
      matrix.hash(into: &sha)
      return sha.finalize().description
    }
    #expect(hash(stacked) == hash(FrozenMatrix(parts)))
    #expect(hash(stacked) != hash(FrozenMatrix(parts.reversed())))
  }

  @Test @Compute func whatWasQuantizedIsTakenAsItIs() throws {
    let matrix = try Fixture("ragged").matrix()
    func floats(_ data: Data) -> [Float] { data.withUnsafeBytes { [Float]($0.bindMemory(to: Float.self)) } }
    let again = NF4Matrix(
      outputs: matrix.outputs, inputs: matrix.inputs, codes: matrix.codes,
      scales: .nested(
        codes: [UInt8](matrix.scales), largest: floats(matrix.nestedScales), map: floats(matrix.scaleMap),
        mean: matrix.scaleMean))
    let isSame = withExtendedLifetime((matrix, again)) { matrix.bytes.elementsEqual(again.bytes) }
    #expect(isSame)
    let wide = NF4Matrix(
      outputs: matrix.outputs, inputs: matrix.inputs, codes: matrix.codes,
      scales: .plain(try Fixture("ragged").floats("scales")))
    expectClose(wide.floats(), matrix.floats(), 0.02, "scales before and after they are rounded")
    #expect(wide.bytes.count != matrix.bytes.count)
  }
}
