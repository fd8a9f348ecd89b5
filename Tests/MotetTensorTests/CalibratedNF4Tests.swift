import Foundation
import MotetFormats
import Testing

@testable import MotetTensor

/// Rounding by inputs, against Tests/Fixtures/nf4/calibrated.safetensors, made with torch through
/// Tests/Fixtures/nf4_calibrated.py.
@Suite struct CalibratedNF4Tests {
  private struct Fixture {
    private let parts: NF4Tests.Fixture

    init(_ name: String) throws { parts = try NF4Tests.Fixture(name, in: "calibrated.safetensors") }

    func floats(_ part: String) throws -> [Float] { try parts.floats(part) }
    func bytes(_ part: String) throws -> [UInt8] { try parts.bytes(part) }
    var shape: [Int] { get throws { try parts.shape } }

    func matrix(fifthBits: Bool = false) throws -> NF4Matrix {
      let shape = try shape
      return NF4Matrix(
        quantizing: try floats("weights"), outputs: shape[0], inputs: shape[1],
        feedback: try ColumnFeedback(floats("moment"), inputs: shape[1]), fifthBits: fifthBits)
    }

    var fineCode: [Float] { get throws { try parts.file.tensor("fine_code").floats() } }
  }

  @Test(arguments: ["even", "ragged"], [false, true])
  func codesAndScalesAreThoseOfGPTQ(name: String, fifthBits: Bool) throws {
    let fixture = try Fixture(name)
    let matrix = try fixture.matrix(fifthBits: fifthBits)
    let label = fifthBits ? "fine_" : ""
    let codes = try fixture.bytes(label + "codes")
    let own = self.codes(of: matrix)
    let differing = zip(own, codes).filter { $0 != $1 }.count
    #expect(differing == 0 && own.count == codes.count, "of \(codes.count)")
    #expect(try [UInt8](matrix.scales) == fixture.bytes(label + "scale_codes"))
    let largest = matrix.nestedScales.withUnsafeBytes { [Float]($0.bindMemory(to: Float.self)) }
    for (own, expected) in zip(largest, try fixture.floats(label + "largest")) {
      #expect(abs(own - expected) <= 1e-6 * abs(expected))
    }
    #expect(try abs(matrix.scaleMean - fixture.floats(label + "mean")[0]) < 1e-7)
  }

  /// Of five bits where there are such.
  private func codes(of matrix: NF4Matrix) -> [UInt8] {
    let four = matrix.codes.flatMap { [$0 >> 4, $0 & 15] }.prefix(matrix.outputs * matrix.inputs)
    guard let bits = matrix.fifthBits else { return Array(four) }
    return four.enumerated().map { 2 * $1 + bits[$0 / 8] >> UInt8($0 % 8) & 1 }
  }

  /// A value is that of its five bits times its block's scale, and that of NF4 where the fifth is left out.
  @Test(arguments: ["even", "ragged"])
  func fiveBitsStandForHalvesOfNF4(name: String) throws {
    let fixture = try Fixture(name)
    let matrix = try fixture.matrix(fifthBits: true)
    #expect(try NF4Matrix.fineCode == fixture.fineCode)
    let four = NF4Matrix(
      outputs: matrix.outputs, inputs: matrix.inputs, codes: matrix.codes, scales: scales(of: matrix))
    #expect(matrix.hasFifthBits && !four.hasFifthBits)
    let codes = codes(of: matrix)
    // Each of the four bits' values is known, and with it the scale.
    for (index, (fine, coarse)) in zip(matrix.floats(), four.floats()).enumerated() where coarse != 0 {
      let code = codes[index]
      let expected = coarse / NF4Matrix.code[Int(code / 2)] * NF4Matrix.fineCode[Int(code)]
      #expect(abs(fine - expected) <= 1e-6 * abs(expected))
    }
    let share = Double(matrix.bytes.count - four.bytes.count) / Double(codes.count)
    #expect((0.124..<0.16).contains(share))
    let again = NF4Matrix(
      outputs: matrix.outputs, inputs: matrix.inputs, codes: matrix.codes, scales: scales(of: matrix),
      fifthBits: matrix.fifthBits)
    let isSame = withExtendedLifetime((matrix, again)) { matrix.bytes.elementsEqual(again.bytes) }
    #expect(isSame)
  }

  private func scales(of matrix: NF4Matrix) -> NF4Matrix.Scales {
    func floats(_ data: Data) -> [Float] { data.withUnsafeBytes { [Float]($0.bindMemory(to: Float.self)) } }
    return .nested(
      codes: [UInt8](matrix.scales), largest: floats(matrix.nestedScales), map: floats(matrix.scaleMap),
      mean: matrix.scaleMean)
  }

  /// Σ (e·H)·e over the rows: how far outputs are off.
  private func error(of matrix: NF4Matrix, weights: [Float], moment: [Float]) -> Double {
    let n = matrix.inputs
    let errors = zip(weights, matrix.floats()).map { Double($0) - Double($1) }
    var sum = 0.0
    for row in 0..<matrix.outputs {
      for i in 0..<n {
        for k in 0..<n { sum += errors[row * n + i] * Double(moment[i * n + k]) * errors[row * n + k] }
      }
    }
    return sum
  }

  @Test(arguments: ["even", "ragged"])
  func outputsStayNearerThanWithEachValueByItself(name: String) throws {
    let fixture = try Fixture(name)
    let (weights, moment, shape) = (
      try fixture.floats("weights"), try fixture.floats("moment"), try fixture.shape
    )
    let plain = NF4Matrix(quantizing: weights, outputs: shape[0], inputs: shape[1])
    let ratio =
      error(of: try fixture.matrix(), weights: weights, moment: moment)
      / error(of: plain, weights: weights, moment: moment)
    #expect(ratio < 0.2)
    let fine =
      error(of: try fixture.matrix(fifthBits: true), weights: weights, moment: moment)
      / error(of: try fixture.matrix(), weights: weights, moment: moment)
    #expect(fine < 0.3)
  }

  /// Inputs that were never seen, blocks of zeros, and a matrix of zeros.
  @Test(arguments: [false, true]) func zerosAreRoundedToZeros(fifthBits: Bool) throws {
    let (outputs, inputs) = (5, 128)
    var weights = floats(outputs * inputs, seed: 3)
    for index in 0..<64 { weights[index] = 0 }
    let nothing = try ColumnFeedback([Float](repeating: 0, count: inputs * inputs), inputs: inputs)
    let matrix = NF4Matrix(
      quantizing: weights, outputs: outputs, inputs: inputs, feedback: nothing, fifthBits: fifthBits)
    let values = matrix.floats()
    #expect(values.allSatisfy { $0.isFinite })
    #expect(zip(values, weights).allSatisfy { abs($0 - $1) < 0.2 })
    let zeros = NF4Matrix(
      quantizing: [Float](repeating: 0, count: outputs * inputs), outputs: outputs, inputs: inputs,
      feedback: nothing, fifthBits: fifthBits)
    #expect(zeros.floats().allSatisfy { $0 == 0 })
  }

  @Test func inputsThatOverflowAreRefused() {
    #expect(throws: TensorError.self) {
      try ColumnFeedback([.infinity, 0, 0, 1], inputs: 2)
    }
  }
}
