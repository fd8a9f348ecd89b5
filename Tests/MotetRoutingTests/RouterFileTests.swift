import Foundation
import Testing

@testable import MotetRouting

@Suite struct RouterFileTests {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("router-\(UUID().uuidString)")

  private func lexical() throws -> LexicalRouter {
    try LexicalRouter.train(
      domains: ["math": Prompts.math, "code": Prompts.code], adapters: ["math": "sums"],
      policy: RoutingPolicy(threshold: 0.25))
  }

  private func contents(of router: some Router) throws -> Data {
    try router.save(to: folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try Data(contentsOf: folder.appendingPathComponent(RouterFile.name))
  }

  private func refusal(_ data: Data) -> RouterError? {
    do {
      _ = try RouterFile.decode(data, path: "r/router.json")
      return nil
    } catch {
      return error as? RouterError
    }
  }

  @Test func aSavedLexicalRouterGivesTheSameRoutes() async throws {
    let router = try lexical()
    try router.save(to: folder)
    try router.save(to: folder)  // over the first
    defer { try? FileManager.default.removeItem(at: folder) }
    let loaded = try RouterFile.load(folder)
    #expect(loaded.kind == "lexical")
    #expect(loaded.adapters == ["math": "sums"])
    #expect(loaded.policy == router.policy)
    for prompt in Prompts.heldOut.values.flatMap({ $0 }) + Prompts.strangers {
      #expect(try await loaded.route(prompt) == router.weigh(prompt))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [RouterFile.name])
  }

  @Test func aSavedHeadRouterGivesTheSameRoutes() async throws {
    let none = Clouds.strangers(count: 20, seed: 3)
    let router = try HeadRouter.train(features: Clouds.train(seed: 2), none: none, base: "sketch-1")
    try router.save(to: folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    let loaded = try #require(try RouterFile.load(folder) as? HeadRouter)
    #expect(loaded.base == "sketch-1")
    for row in Clouds.rows(0, count: 10, seed: 30) + none {
      #expect(try loaded.route(features: row) == router.route(features: row))
    }
  }

  @Test func aMissingFileIsNamed() {
    #expect(throws: RouterError.self) { try RouterFile.load(folder) }
    do {
      _ = try RouterFile.load(folder)
    } catch {
      #expect("\(error)".contains(folder.lastPathComponent))
    }
  }

  @Test func everyTruncationIsRefused() throws {
    let data = try contents(of: lexical())
    for cut in stride(from: 0, to: data.count - 1, by: max(1, data.count / 40)) {
      let error = refusal(data.prefix(cut))
      #expect(error != nil, "cut at \(cut)")
    }
  }

  @Test(arguments: [
    ("\"format\":\"motet-router\"", "\"format\":\"gguf\"", "format"),
    ("\"version\":1", "\"version\":99", "version 99"),
    ("\"version\":1", "\"version\":NaN", "damaged"),
    ("\"kind\":\"lexical\"", "\"kind\":\"oracle\"", "oracle"),
    ("\"domains\":[\"code\",\"math\"]", "\"domains\":[\"code\"]", "two different names"),
    ("\"domains\":[\"code\",\"math\"]", "\"domains\":[\"code\",\"code\"]", "two different names"),
    ("\"domains\":[\"code\",\"math\"]", "\"domains\":[\"code\",\"math\",\"qa\"]", "fit thresholds"),
    ("\"classes\":3", "\"classes\":7", "7 classes"),
    ("\"classes\":3", "\"classes\":2", "numbers are expected"),
    ("\"threshold\":0.25", "\"threshold\":4", "threshold is 4"),
    ("\"temperature\":", "\"temperature\":-", "calibration"),
    ("\"features\":[", "\"features\":[\"w extra\",", "numbers are expected"),
    ("\"features\":[\"", "\"features\":[\"?? ", "no kind"),
    ("\"scales\":\"", "\"scales\":\"*", "base64"),
    ("\"weights\":", "\"heights\":", "'weights' is missing"),
  ]) func aWrongFieldIsNamed(_ old: String, _ new: String, _ expected: String) throws {
    let text = String(decoding: try contents(of: lexical()), as: UTF8.self)
    let range = try #require(text.range(of: old), "the file has no \(old)")
    let error = try #require(refusal(Data(text.replacingCharacters(in: range, with: new).utf8)))
    #expect(error.description.contains(expected), "\(error.description)")
    #expect(error.description.contains("r/router.json"))
  }

  @Test func numbersThatAreNotFiniteAreRefused() throws {
    var file = LexicalFile(try lexical())
    file.lexical.scales = RouterFile.pack([Float](repeating: .nan, count: file.lexical.features.count))
    let lexicalError = try #require(refusal(try JSONEncoder().encode(file)))
    #expect(lexicalError.description.contains("lexical.scales"))
    var head = HeadFile(try HeadRouter.train(features: Clouds.train(seed: 2)))
    head.head.bias = RouterFile.pack([.infinity, 0, 0])
    let headError = try #require(refusal(try JSONEncoder().encode(head)))
    #expect(headError.description.contains("head.bias"))
  }

  @Test func anAbsurdHiddenSizeIsRefused() throws {
    var head = HeadFile(try HeadRouter.train(features: Clouds.train(seed: 2)))
    for hidden in [-1, 0, Int.max, 25] {
      head.head.hidden = hidden
      #expect(refusal(try JSONEncoder().encode(head)) != nil, "hidden \(hidden)")
    }
  }

  @Test func onlyARouterIsReplaced() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent(RouterFile.name)
    let router = try lexical()
    for text in ["{\"routes\": []}", "mine"] {
      try Data(text.utf8).write(to: file)
      #expect(throws: RouterError.self) { try router.save(to: folder) }
      #expect(try Data(contentsOf: file) == Data(text.utf8))
    }
  }

  @Test func anUnwritableFolderIsNamed() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("file-\(UUID().uuidString)")
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let router = try lexical()
    do {
      try router.save(to: file.appendingPathComponent("below"))
      Issue.record("saved below a file")
    } catch let error as RouterError {
      #expect(error.description.contains(file.lastPathComponent))
    }
  }
}
