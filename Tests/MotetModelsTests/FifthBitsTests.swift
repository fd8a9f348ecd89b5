import Foundation
import MotetFormats
import Testing

@testable import MotetModels

/// Which matrices of a calibrated base have five bits a value.
@Suite struct FifthBitsTests {
  private static let modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

  /// SmolLM2's, but for a change.
  private func configuration(
    _ change: (inout ModelConfiguration) -> Void = { _ in }
  ) throws -> ModelConfiguration {
    var configuration = try TinyModel.source().configuration
    configuration.hiddenSize = 576
    configuration.intermediateSize = 1536
    configuration.layers = 30
    configuration.heads = 9
    configuration.kvHeads = 3
    configuration.headDimension = 64
    configuration.vocabulary = 49152
    change(&configuration)
    return configuration
  }

  /// Layers of a module that have some.
  private func layers(_ bits: FifthBits, _ module: String, of c: ModelConfiguration) -> [Int] {
    (0..<c.layers).filter { bits.contains(layer: $0, module: module) }
  }

  @Test func whatGainsMostComesFirst() throws {
    let c = try configuration()
    let bits = FifthBits(c, isTied: true)
    #expect(bits.hasHead)
    let counts = Self.modules.map { layers(bits, $0, of: c).count }
    // What no up_proj has room in is enough for one o_proj.
    #expect(counts == [0, 30, 30, 1, 0, 28, 30])
    #expect(layers(bits, "up_proj", of: c) == Array(2..<30))
  }

  /// Half a byte, a byte for each 64 values, four for each 16,384, and an eighth of one for each fifth bit.
  @Test(arguments: [(49152, 30, true), (32000, 22, false), (200, 2, true), (400_000, 1, true)])
  func theWholeStaysBelowItsBytes(vocabulary: Int, layers: Int, isTied: Bool) throws {
    let c = try configuration {
      $0.vocabulary = vocabulary
      $0.layers = layers
    }
    let bits = FifthBits(c, isTied: isTied)
    let (hidden, wide) = (c.hiddenSize, c.intermediateSize)
    let keys = c.kvHeads * c.headDimension
    let attention = [hidden * hidden, keys * hidden, keys * hidden, hidden * hidden]
    let sizes = attention + [Int](repeating: wide * hidden, count: 3)
    let table = vocabulary * hidden
    let all = layers * sizes.reduce(0, +) + (isTied ? 1 : 2) * table
    let fine =
      zip(Self.modules, sizes).reduce(bits.hasHead ? table : 0) {
        $0 + self.layers(bits, $1.0, of: c).count * $1.1
      }
    #expect(Double(fine) <= FifthBits.share * Double(all))
    #expect(fine > 0)
    let bytes = Double(all) * (0.5 + 1 / 64.0 + 4 / 16384.0) + Double(fine) / 8
    #expect(bytes < 0.598 * Double(all))
  }
}
