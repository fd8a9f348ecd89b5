import Foundation
import Testing

@testable import MotetFormats

@Suite struct AtomicFileTests {
  private struct Interruption: Error {}

  @Test func replacesAFile() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("file")
      try AtomicFile.write(Data("one".utf8), to: url)
      try AtomicFile.write(to: url) { output in
        try output.write(Data("tw".utf8))
        try output.write(Data("o".utf8))
      }
      #expect(try Data(contentsOf: url) == Data("two".utf8))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
    }
  }

  @Test func leavesTheOldFilesWhenInterrupted() throws {
    try withTemporaryFolder { folder in
      let urls = ["a", "b"].map { folder.appendingPathComponent($0) }
      for url in urls { try Data("old".utf8).write(to: url) }
      #expect(throws: Interruption.self) {
        try AtomicFile.write(to: urls[0]) { output in
          try output.write(Data("new".utf8))
          throw Interruption()
        }
      }
      #expect(throws: Interruption.self) {
        try AtomicFile.write([
          .init(url: urls[0]) { try $0.write(Data("new".utf8)) },
          .init(url: urls[1]) { _ in throw Interruption() },
        ])
      }
      for url in urls { #expect(try Data(contentsOf: url) == Data("old".utf8)) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["a", "b"])
    }
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func namesTheFileWhenTheDiskIsFull() throws {
    let output = AtomicFile.Output(descriptor: open("/dev/full", O_WRONLY), path: "/models/big.safetensors")
    let message = refusal { try output.write(Data(count: 100)) }
    #expect(
      message == "/models/big.safetensors: not written: the disk is full; free some space and run again")
  }

  @Test func namesAFolderThatIsNotThere() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("absent/file")
      let message = refusal { try AtomicFile.write(Data(), to: url) }
      #expect(message.hasPrefix(url.path) && message.contains("no such file or folder"))
    }
  }

  @Test func writesThroughALinkAndKeepsPermissions() throws {
    try withTemporaryFolder { folder in
      let (real, link) = (folder.appending(path: "real"), folder.appending(path: "link"))
      try Data("old".utf8).write(to: real)
      chmod(real.path, 0o600)
      try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "real")
      try AtomicFile.write(Data("new".utf8), to: link)
      #expect(try Data(contentsOf: real) == Data("new".utf8))
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == "real")
      var found = stat()
      #expect(stat(real.path, &found) == 0 && found.st_mode & 0o777 == 0o600)
      let hanging = folder.appending(path: "hanging")
      try FileManager.default.createSymbolicLink(atPath: hanging.path, withDestinationPath: "made")
      try AtomicFile.write(Data("new".utf8), to: hanging)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
          "hanging", "link", "made", "real",
        ])
    }
  }

  /// As root a rename would put a file in its place.
  @Test func writesIntoWhatIsNoFile() throws {
    try AtomicFile.write(Data("gone".utf8), to: URL(filePath: "/dev/null"))
    var found = stat()
    #expect(stat("/dev/null", &found) == 0 && found.st_mode & S_IFMT == S_IFCHR)
    try withTemporaryFolder { folder in
      let pipe = folder.appending(path: "pipe")
      #expect(mkfifo(pipe.path, 0o600) == 0)
      let reader = open(pipe.path, O_RDONLY | O_NONBLOCK)
      try AtomicFile.write(Data("through".utf8), to: pipe)
      var bytes = [UInt8](repeating: 0, count: 16)
      #expect(read(reader, &bytes, 16) == 7)
      close(reader)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["pipe"])
    }
  }

  @Test func leavesNoTemporaryFileWhereAFolderStandsInTheWay() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("taken")
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      #expect(refusal { try AtomicFile.write(Data([1]), to: url) }.contains("folder"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["taken"])
    }
  }
}

@Suite struct HalfPrecisionTests {
  @Test func readsEveryHalf() {
    for bits in UInt16.min ... .max {
      let expected = Float(Float16(bitPattern: bits))
      let found = float(fromHalf: bits)
      #expect(found.isNaN == expected.isNaN)
      if !expected.isNaN, found.bitPattern != expected.bitPattern { Issue.record("half \(bits)") }
    }
  }

  @Test func roundsToHalfAsTheCompilerDoes() {
    var bits: UInt32 = 0
    for _ in 0..<400_000 {
      let value = Float(bitPattern: bits)
      let expected = Float16(value)
      let found = Float16(bitPattern: half(from: value))
      if expected.isNaN ? !found.isNaN : found.bitPattern != expected.bitPattern {
        Issue.record("float \(bits)")
      }
      bits &+= 10_739
    }
  }

  @Test func roundsToBFloatToTheNearestEven() {
    let cases: [(UInt32, UInt16)] = [
      (0x3F80_0000, 0x3F80), (0x3F80_8000, 0x3F80), (0x3F80_8001, 0x3F81), (0x3F81_8000, 0x3F82),
      (0xBF81_7FFF, 0xBF81), (0x7F7F_FFFF, 0x7F80), (0x7F80_0000, 0x7F80), (0x7F80_0001, 0x7FC0), (1, 0),
    ]
    for (bits, expected) in cases { #expect(bfloat(from: Float(bitPattern: bits)) == expected) }
  }
}
