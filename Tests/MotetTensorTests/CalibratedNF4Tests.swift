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

    func matrix() throws -> NF4Matrix {
      let shape = try shape
      return NF4Matrix(
        quantizing: try floats("weights"), outputs: shape[0], inputs: shape[1],
        feedback: try ColumnFeedback(floats("moment"), inputs: shape[1]))
    }
  }

  @Test(arguments: ["even", "ragged"])
  func codesAndScalesAreThoseOfGPTQ(name: String) throws {
    let fixture = try Fixture(name)
    let matrix = try fixture.matrix()
    let codes = try fixture.bytes("codes")
    let own = matrix.codes.flatMap { [$0 >> 4, $0 & 15] }.prefix(codes.count)
    let differing = zip(own, codes).filter { $0 != $1 }.count
    #expect(differing == 0 && own.count == codes.count, "of \(codes.count)")
    #expect(try [UInt8](matrix.scales) == fixture.bytes("scale_codes"))
    let largest = matrix.nestedScales.withUnsafeBytes { [Float]($0.bindMemory(to: Float.self)) }
    for (own, expected) in zip(largest, try fixture.floats("largest")) {
      #expect(abs(own - expected) <= 1e-6 * abs(expected))
    }
    #expect(try abs(matrix.scaleMean - fixture.floats("mean")[0]) < 1e-7)
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
  }

  /// Inputs that were never seen, blocks of zeros, and a matrix of zeros.
  @Test func zerosAreRoundedToZeros() throws {
    let (outputs, inputs) = (5, 128)
    var weights = floats(outputs * inputs, seed: 3)
    for index in 0..<64 { weights[index] = 0 }
    let nothing = try ColumnFeedback([Float](repeating: 0, count: inputs * inputs), inputs: inputs)
    let matrix = NF4Matrix(quantizing: weights, outputs: outputs, inputs: inputs, feedback: nothing)
    let values = matrix.floats()
    #expect(values.allSatisfy { $0.isFinite })
    #expect(zip(values, weights).allSatisfy { abs($0 - $1) < 0.2 })
    let zeros = NF4Matrix(
      quantizing: [Float](repeating: 0, count: outputs * inputs), outputs: outputs, inputs: inputs,
      feedback: nothing)
    #expect(zeros.floats().allSatisfy { $0 == 0 })
  }

  @Test func inputsThatOverflowAreRefused() {
    #expect(throws: TensorError.self) {
      try ColumnFeedback([.infinity, 0, 0, 1], inputs: 2)
    }
  }
}
