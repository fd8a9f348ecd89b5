import Foundation
import Testing

@testable import MotetServer

@Suite struct KeyFileTests {
  private func read(_ text: String, named name: String = "keys") throws -> KeyRing {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: name)
    try Data(text.utf8).write(to: file)
    return try KeyFile.read(file.path)
  }

  private static let hex = APIKey.hexadecimal(APIKey.hash("secret"))

  @Test func aLineIsAKey() throws {
    let ring = try read("# ours\n\nacme sha256:\(Self.hex) adapters=math,code* admin rate=60 # theirs\n")
    #expect(
      ring.keys == [
        APIKey(
          name: "acme", hash: APIKey.hash("secret"), adapters: ["math", "code*"], isAdmin: true,
          requestsPerMinute: 60)
      ])
    #expect(ring.key("secret")?.name == "acme")
    #expect(ring.key("Secret") == nil)
  }

  @Test func aKeysOwnLineReadsBack() throws {
    let key = APIKey(
      name: "a", hash: APIKey.hash("x"), adapters: ["m"], isAdmin: true, requestsPerMinute: 5, answers: 8,
      tokensPerMinute: 10_000, weight: 2.5)
    #expect(try read(key.line).keys == [key])
  }

  @Test(arguments: [
    (
      "keys.json",
      #"[{"name": "a", "hash": "HEX", "adapters": ["math"], "admin": true, "rate": 5, "answers": 3, "tokens": 900, "weight": 2}]"#
    ),
    (
      "keys.yaml",
      "- name: a\n  hash: sha256:HEX\n  adapters: [math]\n  admin: true\n  rate: 5\n  answers: 3\n  tokens: 900\n  weight: 2\n"
    ),
  ])
  func listsInJSONAndYAMLAreRead(name: String, text: String) throws {
    let ring = try read(text.replacing("HEX", with: Self.hex), named: name)
    #expect(
      ring.keys == [
        APIKey(
          name: "a", hash: APIKey.hash("secret"), adapters: ["math"], isAdmin: true, requestsPerMinute: 5,
          answers: 3, tokensPerMinute: 900, weight: 2)
      ])
  }

  @Test(arguments: [
    "", "# nothing", "acme", "acme sha256:12", "acme sha256:HEX admn", "acme sha256:HEX rate=0",
    "acme sha256:HEX rate=x", "acme sha256:HEX answers=0", "acme sha256:HEX tokens=-5",
    "acme sha256:HEX weight=0",
    "acme sha256:HEX weight=nan", "acme sha256:HEX weight=1e9", "acme sha256:HEX answer=2",
    "a sha256:HEX\na sha256:HEX", "a sha256:HEX\nb sha256:HEX",
  ])
  func filesThatAreWrongAreRefused(text: String) {
    #expect(throws: KeyFileError.self) { try read(text.replacing("HEX", with: Self.hex)) }
  }

  @Test(arguments: [
    ("keys.json", "{"), ("keys.json", "[5]"), ("keys.yaml", "- name: a\n"), ("keys.yaml", "a: ["),
    ("keys.yaml", "- name: a\n  hash: HEX\n  answers: 0\n"),
    ("keys.yaml", "- name: a\n  hash: HEX\n  weight: -1\n"),
  ])
  func listsThatAreWrongAreRefused(name: String, text: String) {
    #expect(throws: KeyFileError.self) { try read(text.replacing("HEX", with: Self.hex), named: name) }
  }

  @Test func aMissingFileSaysHowToMakeOne() {
    let error = #expect(throws: KeyFileError.self) { try KeyFile.read("/nowhere/keys") }
    #expect(error?.description.contains("motet keys new") == true)
  }

  @Test func aFileThatOthersReadIsKnown() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    for (mode, isOpen) in [(0o600, false), (0o644, true), (0o640, true)] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
      #expect(KeyFile.isOpenToOthers(file.path) == isOpen)
    }
  }

  @Test func drawnKeysDiffer() {
    let keys = Set((0..<100).map { _ in APIKey.draw() })
    #expect(keys.count == 100)
    #expect(keys.allSatisfy { $0.hasPrefix("mot_") && $0.utf8.count == 68 })
  }
}
