import Foundation
import Testing

@testable import MotetFormats

@Suite struct AppendedFileTests {
  @Test func growsWithEachWriteAndGoesOnWhereItEnded() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("log")
      let first = try AppendedFile(url)
      try first.append(Data("one ".utf8))
      #expect(try Data(contentsOf: url) == Data("one ".utf8))
      try AppendedFile(url).append(Data("two".utf8))
      try first.append(Data())
      #expect(try Data(contentsOf: url) == Data("one two".utf8))
    }
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func namesTheFileWhenTheDiskIsFull() throws {
    let file = try AppendedFile(URL(fileURLWithPath: "/dev/full"))
    let message = refusal { try file.append(Data(count: 100)) }
    #expect(message == "/dev/full: not written: the disk is full; free some space and run again")
  }

  @Test func namesAFolderThatIsNotThere() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("absent/file")
      let message = refusal { _ = try AppendedFile(url) }
      #expect(message.hasPrefix(url.path) && message.contains("no such file or folder"))
    }
  }
}
