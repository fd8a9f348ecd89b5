import Foundation
import MotetFormats
import Testing

@testable import MotetModels

/// Which matrices of a calibrated base have five bits a value.
@Suite struct FifthBitsTests {
  private static let modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

  /// SmolLM2's, but for a change.
  private func model(
    vocabulary: Int = 49152, layers: Int = 30, isTied: Bool = true
  ) throws -> ModelDescription {
    try ModelDescription(
      ConfigurationFields(
        file: "test",
        members: [
          "model_type": .string("llama"), "hidden_size": .int(576), "intermediate_size": .int(1536),
          "num_hidden_layers": .int(layers), "num_attention_heads": .int(9), "num_key_value_heads": .int(3),
          "vocab_size": .int(vocabulary), "tie_word_embeddings": .bool(isTied),
        ]))
  }

  /// Layers of a module that have some.
  private func layers(_ bits: FifthBits, _ module: String, of model: ModelDescription) -> [Int] {
    model.layers.indices.filter { layer in
      ["self_attn", "mlp"].contains { bits.contains("model.layers.\(layer).\($0).\(module)") }
    }
  }

  @Test func whatGainsMostComesFirst() throws {
    let c = try model()
    let bits = FifthBits(c)
    #expect(bits.hasHead)
    let counts = Self.modules.map { layers(bits, $0, of: c).count }
    // What no up_proj has room in is enough for one o_proj.
    #expect(counts == [0, 30, 30, 1, 0, 28, 30])
    #expect(layers(bits, "up_proj", of: c) == Array(2..<30))
  }

  /// Half a byte, a byte for each 64 values, four for each 16,384, and an eighth of one for each fifth bit.
  @Test(arguments: [(49152, 30, true), (32000, 22, false), (200, 2, true), (400_000, 1, true)])
  func theWholeStaysBelowItsBytes(vocabulary: Int, layers: Int, isTied: Bool) throws {
    let c = try model(vocabulary: vocabulary, layers: layers, isTied: isTied)
    let bits = FifthBits(c)
    let (hidden, wide, keys) = (576, 1536, 192)
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
