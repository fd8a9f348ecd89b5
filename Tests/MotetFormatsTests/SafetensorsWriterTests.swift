import Foundation
import MotetModels
import Testing

@testable import MotetFormats

@Suite struct SafetensorsWriterTests {
  @Test func readsBackWhatItWrote() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("model.safetensors")
      let values: [Float] = [0, -1.5, 3.25, 65504, 1e-7, -0.1]
      try SafetensorsWriter.write(
        [
          .init(name: "b16", shape: [2, 3], type: .bf16) { values },
          .init(name: "full", shape: [6]) { values },
          .init(name: "half", shape: [3, 2], type: .f16) { values },
          .init(name: "raw", shape: [3], type: .u8, data: Data([1, 2, 3])),
          .init(name: "none", shape: [0, 7]) { [] },
        ], metadata: ["note": "\"quoted\"\n"], to: url)
      let file = try SafetensorsFile(contentsOf: url)
      #expect(file.metadata == ["note": "\"quoted\"\n"])
      #expect(try file.tensor("full").floats() == values)
      #expect(try file.tensor("half").floats() == values.map { Float(Float16($0)) })
      #expect(
        try file.tensor("b16").floats() == [0, -1.5, 3.25, 65536, 1.0011717677116394e-07, -0.10009765625])
      #expect(try file.tensor("raw").floats() == [1, 2, 3])
      #expect(try file.tensor("none").shape == [0, 7])
      #expect(try Data(contentsOf: url)[0] % 8 == 0)
    }
  }

  @Test func copiesStoredTensorsByteForByte() throws {
    try withTemporaryFolder { folder in
      let source = try ShardedSafetensors(folder: Fixtures.url("sharded"))
      let url = folder.appendingPathComponent("model.safetensors")
      try SafetensorsWriter.write(try source.names.map { .init(copying: try source.tensor($0)) }, to: url)
      let copy = try ShardedSafetensors(folder: folder)
      #expect(copy.names == source.names)
      for name in source.names { #expect(try copy.tensor(name).floats() == source.tensor(name).floats()) }
    }
  }

  @Test func refusesWhatDoesNotFitAndKeepsTheOldFile() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("model.safetensors")
      let old = Data("old".utf8)
      try old.write(to: url)
      let wrong: [([SafetensorsWriter.Tensor], String)] = [
        ([.init(name: "w", shape: [3]) { [1, 2] }], "2 floats"),
        ([.init(name: "w", shape: [3], type: .u8, data: Data(count: 4))], "4 bytes"),
        ([.init(name: "w", shape: [3], type: .u8, data: Data(count: 2))], "2 bytes"),
        ([.init(name: "w", shape: [32], type: .q4_0, data: Data(count: 18))], "Q4_0"),
        ([.init(name: "w", shape: [1], type: .i8) { [1] }], "I8"),
        ([.init(name: "w", shape: [.max, .max]) { [1] }], "absurd"),
        ([.init(name: "w", shape: [1]) { [1] }, .init(name: "w", shape: [1]) { [1] }], "taken"),
      ]
      for (tensors, says) in wrong {
        let message = refusal { try SafetensorsWriter.write(tensors, to: url) }
        #expect(message.contains(says) && message.contains("'w'"), "\(message)")
        #expect(try Data(contentsOf: url) == old)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.safetensors"])
    }
  }

  /// `formats_interop.py verify` loads these with safetensors, transformers and PEFT.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["MOTET_INTEROP_OUTPUT"] != nil))
  func leavesFilesForPython() throws {
    let folder = URL(fileURLWithPath: ProcessInfo.processInfo.environment["MOTET_INTEROP_OUTPUT"] ?? "")
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("model"), withIntermediateDirectories: true)
    let values = (0..<120).map { Float(Double($0) * 0.37 - 20) }
    var tensors = [ElementType.f32, .f16, .bf16].map { type in
      SafetensorsWriter.Tensor(name: type.name.lowercased(), shape: [2, 3, 20], type: type) { values }
    }
    tensors.append(.init(name: "u8", shape: [7], type: .u8, data: Data(0..<7)))
    try SafetensorsWriter.write(
      tensors, metadata: ["format": "pt", "note": "quote \" and\nline"],
      to: folder.appendingPathComponent("written.safetensors"))

    let model = try ShardedSafetensors(folder: Fixtures.url("sharded"))
    try SafetensorsWriter.write(
      try model.names.map { name in
        let tensor = try model.tensor(name)
        return .init(name: name, shape: tensor.shape) { try tensor.floats() }
      }, metadata: ["format": "pt"], to: folder.appendingPathComponent("model/model.safetensors"))
    let configuration = try ModelDescription(huggingFace: Fixtures.url("sharded/config.json"))
    try AtomicFile.write(
      configuration.huggingFaceJSON(), to: folder.appendingPathComponent("model/config.json"))

    let adapter = try PEFTAdapterFile.read(Fixtures.url("adapter"))
    try PEFTAdapterFile.write(
      adapter.configuration, adapter.sites, to: folder.appendingPathComponent("adapter"))
  }
}
