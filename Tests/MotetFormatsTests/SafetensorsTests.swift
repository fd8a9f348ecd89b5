import Foundation
import Testing

@testable import MotetFormats

@Suite struct SafetensorsTests {
  @Test func readsEveryTypeThatPythonWrote() throws {
    let file = try SafetensorsFile(contentsOf: Fixtures.url("types.safetensors"))
    #expect(file.metadata == ["format": "pt", "söng": "mote\"t\n"])
    for name in ["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8"] {
      let tensor = try file.tensor(name)
      #expect(tensor.type.name == name)
      #expect(tensor.shape == [2, 3])
      #expect(try tensor.floats() == [-2, 0, 1, 3, 100, 7], "\(name)")
    }
    #expect(try file.tensor("U8").floats() == [254, 0, 1, 3, 100, 7])
    #expect(try file.tensor("BOOL").floats() == [1, 0, 1])
    #expect(try file.tensor("scalar").floats() == [1.5])
    #expect(try file.tensor("scalar").shape == [])
    #expect(try file.tensor("empty").floats() == [])
    #expect(file.names.count == 12)
    #expect(file.names == file.names.sorted())
  }

  @Test func readsRowsAlone() throws {
    let tensor = try SafetensorsFile(contentsOf: Fixtures.url("types.safetensors")).tensor("BF16")
    var row = [Float](repeating: 9, count: 3)
    try row.withUnsafeMutableBufferPointer { try tensor.floats(into: $0, rows: 1..<2) }
    #expect(row == [3, 100, 7])
    let message = refusal {
      try row.withUnsafeMutableBufferPointer { try tensor.floats(into: $0, rows: 2..<3) }
    }
    #expect(message.contains("'BF16'"))
    _ = refusal { try row.withUnsafeMutableBufferPointer { try tensor.floats(into: $0, rows: 0..<2) } }
  }

  /// Values are read and converted by pieces; this tensor has several, and rows that lie across their ends.
  @Test func readsATensorOfManyPieces() throws {
    let (rows, columns) = (701, 577)
    // Every 16 bits of them are a bf16 that is exact in f32.
    let values = (0..<rows * columns).map { UInt16(truncatingIfNeeded: $0 &* 40_503 >> 3) & 0xBF7F }
    let data = values.withUnsafeBytes { Data($0) }
    let header =
      "{\"w\":{\"dtype\":\"BF16\",\"shape\":[\(rows),\(columns)],\"data_offsets\":[0,\(data.count)]}}"
    try withFile(safetensors(header, data: data)) { url in
      let tensor = try SafetensorsFile(contentsOf: url).tensor("w")
      let expected = values.map { Float(bitPattern: UInt32($0) << 16) }
      #expect(try tensor.floats() == expected)
      #expect(try tensor.bytes() == [UInt8](data))
      var part = [Float](repeating: 0, count: 500 * columns)
      try part.withUnsafeMutableBufferPointer { try tensor.floats(into: $0, rows: 113..<613) }
      #expect(part == Array(expected[113 * columns..<613 * columns]))
    }
  }

  @Test func aFileThatBecomesShorterIsTold() throws {
    let data = Data(count: 4000)
    let header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1000],\"data_offsets\":[0,4000]}}"
    try withFile(safetensors(header, data: data)) { url in
      let tensor = try SafetensorsFile(contentsOf: url).tensor("w")
      let handle = try FileHandle(forWritingTo: url)
      try handle.truncate(atOffset: 2000)
      try handle.close()
      #expect(refusal { _ = try tensor.floats() }.contains("became shorter"))
      #expect(refusal { _ = try tensor.bytes() }.contains(url.path))
    }
  }

  @Test func namesAMissingTensor() throws {
    let file = try SafetensorsFile(contentsOf: Fixtures.url("types.safetensors"))
    #expect(!file.contains("nothing"))
    #expect(refusal { _ = try file.tensor("nothing") }.contains("no tensor 'nothing'"))
  }

  @Test func readsShardsAsOneModel() throws {
    let sharded = try ShardedSafetensors(folder: Fixtures.url("sharded"))
    let whole = try SafetensorsFile(contentsOf: Fixtures.url("sharded-expected.safetensors"))
    #expect(sharded.names == whole.names)
    for name in whole.names {
      #expect(try sharded.tensor(name).shape == whole.tensor(name).shape)
      #expect(try sharded.tensor(name).floats() == whole.tensor(name).floats())
    }
  }

  @Test(arguments: ["../other.safetensors", "/etc/passwd", "a/b.safetensors", ".hidden", ""])
  func shardsStayInTheirFolder(shard: String) throws {
    try withTemporaryFolder { folder in
      let index = "{\"weight_map\": {\"w\": \(JSONValue.literal(shard))}}"
      try Data(index.utf8).write(to: folder.appendingPathComponent("model.safetensors.index.json"))
      #expect(refusal { _ = try ShardedSafetensors(folder: folder) }.contains("plain name"))
    }
  }

  @Test func saysWhenAShardOrAllAreMissing() throws {
    try withTemporaryFolder { folder in
      #expect(refusal { _ = try ShardedSafetensors(folder: folder) }.contains("neither model.safetensors"))
      try Data().write(to: folder.appendingPathComponent("pytorch_model.bin"))
      #expect(refusal { _ = try ShardedSafetensors(folder: folder) }.contains("pytorch_model.bin"))
      let index = "{\"weight_map\": {\"w\": \"model-1.safetensors\"}}"
      try Data(index.utf8).write(to: folder.appendingPathComponent("model.safetensors.index.json"))
      #expect(refusal { _ = try ShardedSafetensors(folder: folder) }.contains("model-1.safetensors"))
      try safetensors("{}").write(to: folder.appendingPathComponent("model-1.safetensors"))
      #expect(refusal { _ = try ShardedSafetensors(folder: folder) }.contains("not in the shard"))
    }
  }

  static let lies: [(header: String, bytes: Int, says: String)] = [
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", 12, "not within the 12"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", 20, "belong to no tensor"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,16]}}", 16, "do not hold the shape"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]}}", 16, "not within"),
    (
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,9223372036854775807],\"data_offsets\":[0,4]}}",
      4, "do not hold the shape"
    ),
    (
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4, "whole number"
    ),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "negative"),
    ("{\"a\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype 'F4'"),
    ("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "lacks"),
    (
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
        + "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}", 6, "overlap"
    ),
    (
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
        + "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4, "stands twice"
    ),
    (
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
      "16"
    ),
    ("[]", 0, "an object was expected"),
    ("{\"a\":" + String(repeating: "{\"b\":", count: 100), 0, "nests"),
    ("{} x", 0, "after the end"),
  ]

  @Test(arguments: lies.indices) func refusesLies(index: Int) throws {
    let lie = Self.lies[index]
    try withFile(safetensors(lie.header, data: Data(count: lie.bytes))) { url in
      let message = refusal { _ = try SafetensorsFile(contentsOf: url) }
      #expect(message.contains(lie.says), "\(message)")
      #expect(message.hasPrefix(url.path))
    }
  }

  @Test func refusesAHeaderThatIsLongerThanTheFile() throws {
    for length in [UInt64.max, UInt64(Int.max), 1 << 40, 3] {
      try withFile(safetensors("{}", length: length)) { url in
        #expect(refusal { _ = try SafetensorsFile(contentsOf: url) }.contains("claims \(length) bytes"))
      }
    }
    try withFile(Data([1, 2, 3])) { url in
      #expect(refusal { _ = try SafetensorsFile(contentsOf: url) }.contains("3 bytes"))
    }
    try withFile(Data()) { url in
      #expect(refusal { _ = try SafetensorsFile(contentsOf: url) }.contains("0 bytes"))
    }
  }

  @Test func opensRegularFilesOnly() throws {
    try withTemporaryFolder { folder in
      #expect(refusal { _ = try SafetensorsFile(contentsOf: folder) }.contains("is a folder"))
      let pipe = folder.appendingPathComponent("pipe")
      #expect(mkfifo(pipe.path, 0o600) == 0)
      #expect(refusal { _ = try SafetensorsFile(contentsOf: pipe) }.contains("regular file"))
      let absent = folder.appendingPathComponent("absent")
      #expect(refusal { _ = try SafetensorsFile(contentsOf: absent) }.contains("no such file"))
    }
  }
}
