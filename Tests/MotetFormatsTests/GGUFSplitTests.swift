import Foundation
import Testing

@testable import MotetFormats

/// A GGUF in several files, as `llama-gguf-split` cuts it.
@Suite struct GGUFSplitTests {
  /// Writes part `number` of `count`, with one tensor of four ones or none.
  private func write(_ number: Int, of count: Int, _ tensor: String?, all: Int, to folder: URL) throws {
    var bytes = GGUFBytes(tensors: tensor == nil ? 0 : 1, pairs: 3)
    for (key, value) in [("split.no", number - 1), ("split.count", count), ("split.tensors.count", all)] {
      bytes.add(key)
      bytes.add(UInt32(4))
      bytes.add(UInt32(value))
    }
    if let tensor { bytes.tensor(tensor, [4], type: 0, offset: 0) }
    var file = bytes.file()
    for _ in 0..<4 { withUnsafeBytes(of: Float(number)) { file.append(contentsOf: $0) } }
    try file.write(to: folder.appendingPathComponent("m-0000\(number)-of-0000\(count).gguf"))
  }

  @Test func theFirstPartOpensAllOfThem() throws {
    try withTemporaryFolder { folder in
      try write(1, of: 3, nil, all: 2, to: folder)
      try write(2, of: 3, "a", all: 2, to: folder)
      try write(3, of: 3, "b", all: 2, to: folder)
      let file = try GGUFFile(contentsOf: folder.appendingPathComponent("m-00001-of-00003.gguf"))
      #expect(file.names == ["a", "b"])
      #expect(try file.tensor("a").floats() == [2, 2, 2, 2])
      #expect(try file.tensor("b").floats() == [3, 3, 3, 3])
    }
  }

  @Test func missingAndForeignPartsAreNamed() throws {
    try withTemporaryFolder { folder in
      let first = folder.appendingPathComponent("m-00001-of-00003.gguf")
      try write(1, of: 3, "a", all: 3, to: folder)
      try write(2, of: 3, "b", all: 3, to: folder)
      #expect(refusal { _ = try GGUFFile(contentsOf: first) }.contains("'m-00003-of-00003.gguf'"))
      try FileManager.default.copyItem(
        at: folder.appendingPathComponent("m-00002-of-00003.gguf"),
        to: folder.appendingPathComponent("m-00003-of-00003.gguf"))
      #expect(refusal { _ = try GGUFFile(contentsOf: first) }.contains("not part 3 of 3"))
      try FileManager.default.removeItem(at: folder.appendingPathComponent("m-00003-of-00003.gguf"))
      try write(3, of: 3, "b", all: 3, to: folder)
      #expect(refusal { _ = try GGUFFile(contentsOf: first) }.contains("another part holds it too"))
      try FileManager.default.removeItem(at: folder.appendingPathComponent("m-00003-of-00003.gguf"))
      try write(3, of: 3, nil, all: 3, to: folder)
      #expect(refusal { _ = try GGUFFile(contentsOf: first) }.contains("promises 3 tensors"))
      let second = folder.appendingPathComponent("m-00002-of-00003.gguf")
      #expect(refusal { _ = try GGUFFile(contentsOf: second) }.contains("'m-00001-of-00003.gguf'"))
      let renamed = folder.appendingPathComponent("model.gguf")
      try FileManager.default.moveItem(at: first, to: renamed)
      #expect(refusal { _ = try GGUFFile(contentsOf: renamed) }.contains("--merge"))
    }
  }

  @Test func partsAreKnownByTheirNames() {
    let split = GGUFSplit(URL(filePath: "/x/a-b-Q8_0-00002-of-00010.gguf"))
    #expect(split?.stem == "a-b-Q8_0")
    #expect(split?.number == 2)
    #expect(split?.url(of: 1).lastPathComponent == "a-b-Q8_0-00001-of-00010.gguf")
    for name in ["a.gguf", "a-00003-of-00002.gguf", "a-1-of-2.gguf", "00001-of-00002.bin"] {
      #expect(GGUFSplit(URL(filePath: "/x/\(name)")) == nil)
    }
  }
}
