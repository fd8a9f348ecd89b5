import Foundation
import Motet
import Testing

@testable import MotetCLI

/// An adapter whose finite weights overflow within the model: no number comes out, and no command may call that a
/// result.
@Suite struct OverflowTests {
  private static let tiny = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Fixtures/tiny").standardizedFileURL
  private let folder = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString)")

  /// The base and the mix, as a command takes them.
  private func arguments() throws -> [String] {
    let small = try AdapterWeights(peft: Self.tiny.appending(path: "adapter"))
    let sites = try small.sites.mapValues { site in
      try LowRankWeights(
        rank: site.rank, inputs: site.inputs, outputs: site.outputs, loraA: site.loraA.map { _ in 1e30 },
        loraB: site.loraB.map { _ in 1e30 }, scale: site.scale)
    }
    let weights = try AdapterWeights(sites: sites)
    let adapter = folder.appending(path: "huge")
    try Adapter(name: "huge", weights: weights).save(to: adapter.path)
    return [
      "--base", Self.tiny.appending(path: "model").path, "--precision", "f32", "--mix", adapter.path,
      "--json",
    ]
  }

  @Test func evaluateNamesTheRow() async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let arguments = try arguments()
    let rows = folder.appending(path: "rows.jsonl")
    try Data(#"{"prompt": "what is 1?", "response": "the answer is 2"}"#.utf8).write(to: rows)
    let command = try EvaluateCommand.parse(arguments + ["--data", rows.path])
    let error = await #expect(throws: EvaluationError.self) { try await command.run() }
    #expect("\(try #require(error))".hasPrefix("\(rows.path), row 1: the NLL under "))
  }

  @Test func generateHasNoEmptyAnswer() async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let command = try GenerateCommand.parse(arguments() + ["--prompt", "what is 1?"])
    await #expect(throws: ModelError.scoresNotFinite) { try await command.run() }
  }
}
