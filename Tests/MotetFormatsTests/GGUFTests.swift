import Foundation
import MotetTensor
import Testing

@testable import MotetFormats
@testable import MotetModels

@Suite struct GGUFTests {
  @Test func readsMetadataOfEveryType() throws {
    let metadata = try GGUFFile(contentsOf: Fixtures.url("quants.gguf")).metadata
    #expect(metadata["test.uint8"] == .uint8(200))
    #expect(metadata["test.int8"] == .int8(-100))
    #expect(metadata["test.uint16"] == .uint16(60000))
    #expect(metadata["test.int16"] == .int16(-30000))
    #expect(metadata["test.uint32"] == .uint32(4_000_000_000))
    #expect(metadata["test.int32"] == .int32(-2_000_000_000))
    #expect(metadata["test.float32"] == .float32(1e-5))
    #expect(metadata["test.float32"]?.double == 1e-5)
    #expect(metadata["test.bool"]?.bool == true)
    #expect(metadata["test.string"]?.string == "naïve 日本 🙂\n")
    #expect(metadata["test.uint64"] == .uint64(1 << 63 + 5))
    #expect(metadata["test.uint64"]?.int == nil)
    #expect(metadata["test.int64"]?.int == -(1 << 62))
    #expect(metadata["test.float64"]?.double == 0.1)
    #expect(metadata["test.strings"]?.strings == ["a", "", "ß"])
    #expect(metadata["test.ints"]?.ints == [1, -2, 3])
    #expect(metadata["test.ints"]?.doubles == [1, -2, 3])
    #expect(metadata["test.floats"]?.doubles == [0.5, 1e-5])
    #expect(metadata["test.bools"] == .array(.bool([true, false])))
    #expect(metadata["general.architecture"]?.string == "llama")
  }

  @Test func dequantizesEveryTypeAsGgufDoes() throws {
    let file = try GGUFFile(contentsOf: Fixtures.url("quants.gguf"))
    let expected = try SafetensorsFile(contentsOf: Fixtures.url("quants-expected.safetensors"))
    #expect(file.version == 3)
    #expect(file.names == expected.names)
    #expect(file.names.count == 13)
    for name in expected.names {
      let stored = try file.tensor(name)
      let wanted = try expected.tensor(name)
      #expect(stored.shape == wanted.shape)
      #expect(try stored.floats() == wanted.floats(), "\(name)")
    }
    #expect(try file.tensor("Q5_1").type == .q5_1)
    #expect(try file.tensor("Q5_1").byteCount == 3 * 2 * 24)
  }

  @Test func dequantizesRowsAlone() throws {
    let tensor = try GGUFFile(contentsOf: Fixtures.url("quants.gguf")).tensor("Q4_1")
    let all = try tensor.floats()
    var rows = [Float](repeating: 0, count: 128)
    try rows.withUnsafeMutableBufferPointer { try tensor.floats(into: $0, rows: 1..<3) }
    #expect(rows == Array(all[64...]))
  }

  @Test func readsVersionTwoAndAnArrayOfArrays() throws {
    var bytes = GGUFBytes(version: 2, tensors: 0, pairs: 1)
    bytes.add("nested")
    bytes.add(UInt32(9))
    bytes.add(UInt32(9))
    bytes.add(UInt64(2))
    for value in [UInt8(7), 8] {
      bytes.add(UInt32(0))
      bytes.add(UInt64(1))
      bytes.add(value)
    }
    try withFile(bytes.file()) { url in
      let file = try GGUFFile(contentsOf: url)
      #expect(file.version == 2)
      #expect(file.metadata["nested"] == .array(.array([.uint8([7]), .uint8([8])])))
    }
  }

  @Test func refusesLyingCountsWithoutAllocating() throws {
    try withFile(GGUFBytes(tensors: .max).file()) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("claims \(UInt64.max) tensors"))
    }
    try withFile(GGUFBytes(pairs: 1 << 60).file()) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("metadata pairs"))
    }
    var bytes = GGUFBytes(pairs: 1)
    bytes.add("list")
    bytes.add(UInt32(9))
    bytes.add(UInt32(12))
    bytes.add(UInt64(1) << 61)
    try withFile(bytes.file()) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("array elements"))
    }
    bytes = GGUFBytes(pairs: 1)
    bytes.add(UInt64.max)
    try withFile(bytes.file(data: 32)) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("a key"))
    }
  }

  @Test func refusesDeepArrays() throws {
    var bytes = GGUFBytes(pairs: 1)
    bytes.add("deep")
    bytes.add(UInt32(9))
    for _ in 0..<1000 {
      bytes.add(UInt32(9))
      bytes.add(UInt64(1))
    }
    try withFile(bytes.file(data: 64)) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("nest more than 4"))
    }
  }

  @Test func refusesTensorsThatCannotBe() throws {
    let cases: [(dimensions: [UInt64], type: UInt32, offset: UInt64, says: String)] = [
      ([4], 0, 32, "not within"), ([4], 0, .max - 31, "not within"), ([4], 0, 4, "multiple of the alignment"),
      ([1 << 62, 4], 0, 0, "does not fit"), ([.max], 0, 0, "dimension of"), ([0], 0, 0, "dimension of 0"),
      ([31], 2, 0, "rows of 31 are not whole Q4_0 blocks of 32"), ([1, 1, 1, 1, 1], 0, 0, "5 dimensions"),
      ([576], 12, 0, "rows of 576 are not whole Q4_K blocks of 256"),
      ([256], 16, 0, "the type IQ2_XXS (number 16) is not supported; convert the model with llama-quantize"),
      ([4], 999, 0, "number 999"),
    ]
    for (dimensions, type, offset, says) in cases {
      var bytes = GGUFBytes(tensors: 1)
      bytes.tensor("some.weight", dimensions, type: type, offset: offset)
      try withFile(bytes.file(data: 32)) { url in
        let message = refusal { _ = try GGUFFile(contentsOf: url) }
        #expect(message.contains(says) && message.contains("'some.weight'"), "\(message)")
      }
    }
  }

  @Test func refusesOverlapsAndDuplicates() throws {
    var bytes = GGUFBytes(tensors: 2)
    bytes.tensor("a", [16], type: 0, offset: 0)
    bytes.tensor("b", [8], type: 0, offset: 32)
    try withFile(bytes.file(data: 64)) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("overlap those of 'a'"))
    }
    bytes = GGUFBytes(tensors: 2)
    bytes.tensor("a", [8], type: 0, offset: 0)
    bytes.tensor("a", [8], type: 0, offset: 32)
    try withFile(bytes.file(data: 64)) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("twice"))
    }
    bytes = GGUFBytes(pairs: 2)
    for _ in 0..<2 {
      bytes.add("key")
      bytes.add(UInt32(0))
      bytes.add(UInt8(1))
    }
    try withFile(bytes.file()) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("'key' stands twice"))
    }
  }

  @Test func refusesOtherFilesAndVersions() throws {
    try withFile(Data("GGML".utf8) + Data(count: 60)) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("does not begin with 'GGUF'"))
    }
    try withFile(GGUFBytes(version: 1).file()) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("GGUF version 1"))
    }
    try withFile(GGUFBytes(version: UInt32(3).byteSwapped).file()) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("big-endian"))
    }
    try withFile(Data()) { url in _ = refusal { _ = try GGUFFile(contentsOf: url) } }
  }
}

@Suite(.enabled(if: Fixtures.hasRealModel)) struct RealModelTests {
  @Test func readsTheRealConfiguration() throws {
    let model = try ModelDescription(gguf: try GGUFFile(contentsOf: Fixtures.realModel))
    let expected = ModelConfiguration(
      modelType: "llama", hiddenSize: 576, layers: 30, vocabulary: 49152, maximumPositions: 8192,
      tieWordEmbeddings: true, bosToken: 1, eosTokens: [2], padToken: 2)
    #expect(model.configuration == expected)
    #expect(model.attentionShape == AttentionShape(heads: 9, kvHeads: 3, headDimension: 64))
    #expect(model.rotations == [RotaryRule(theta: 100_000, dimensions: 64)])
    #expect(model.finalNorm.epsilon == 1e-5)
  }

  @Test func dequantizesTheRealRows() throws {
    let model = try GGUFFile(contentsOf: Fixtures.realModel)
    #expect(model.names.count == 272)
    #expect(model.metadata["tokenizer.ggml.tokens"]?.strings?.count == 49152)
    #expect(model.metadata["tokenizer.ggml.token_type"]?.ints?.count == 49152)
    let expected = try SafetensorsFile(contentsOf: Fixtures.url("smollm2-rows.safetensors"))
    for key in expected.names {
      let parts = key.split(separator: ":")
      let tensor = try model.tensor(String(parts[0]))
      let row = try #require(Int(parts[1]))
      var floats = [Float](repeating: 0, count: tensor.rowLength)
      try floats.withUnsafeMutableBufferPointer { try tensor.floats(into: $0, rows: row..<row + 1) }
      #expect(try floats == expected.tensor(key).floats(), "\(key)")
    }
    #expect(expected.names.count == 9)
  }
}
