import Foundation
import Testing

@testable import MotetTokenizers

/// Random texts through tokenizers of every kind against Hugging Face `tokenizers`; runs when `MOTET_TOKENIZER_KINDS` names
/// the folder that `Tests/Fixtures/tokenizer_kinds.py full` made.
@Suite struct TokenizerKindsFullCheck {
  static let folder = ProcessInfo.processInfo.environment["MOTET_TOKENIZER_KINDS"].map { URL(filePath: $0) }

  private struct Contents: Decodable {
    let lines: [TokenizerKinds.Line]
    let decodings: [TokenizerKinds.Decoding]
  }

  @Test(.enabled(if: TokenizerKindsFullCheck.folder != nil)) func differInNoText() throws {
    let folder = try #require(Self.folder)
    let texts = try JSONDecoder().decode(
      [String].self, from: Data(contentsOf: folder.appending(path: "texts.json")))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.contains(".") }
      .sorted()
    try #require(!names.isEmpty)
    for name in names {
      let place = folder.appending(path: name)
      let tokenizer = try Tokenizer(tokenizerJSON: place.appending(path: "tokenizer.json"))
      let contents = try JSONDecoder().decode(
        Contents.self, from: Data(contentsOf: place.appending(path: "lines.json")))
      var different = 0
      var time = Duration.zero
      var bytes = 0
      func record(_ difference: String?, _ what: @autoclosure () -> String) {
        guard let difference else { return }
        different += 1
        if different <= 5 { Issue.record("\(name): \(what()): \(difference)") }
      }
      for (text, line) in zip(texts, contents.lines) {
        time += ContinuousClock().measure { _ = tokenizer.encode(text) }
        bytes += text.utf8.count
        record(line.difference(from: tokenizer, text), text.debugDescription)
      }
      for row in contents.decodings { record(row.difference(from: tokenizer), "\(row.ids)") }
      let speed = Double(bytes) / 1e6 / (time / .seconds(1))
      print(
        "\(name): \(different) of \(contents.lines.count) texts and \(contents.decodings.count) lists of ids differ; \(speed) MB/s"
      )
      #expect(different == 0, "\(name)")
    }
  }

  @Test(.enabled(if: TokenizerKindsFullCheck.folder != nil)) func stepsDifferInNoText() throws {
    let file = try #require(Self.folder).appending(path: "steps.json")
    let expected = try JSONDecoder().decode(PipelineStepTests.Expected.self, from: Data(contentsOf: file))
    var (count, different) = (0, 0)
    func record(_ isEqual: Bool, _ what: @autoclosure () -> String) {
      count += 1
      if isEqual { return }
      different += 1
      if different <= 40 { Issue.record("\(what())") }
    }
    for step in expected.normalizers {
      let normalizers = try normalizerKinds.read(step.fields())
      for (text, output) in zip(expected.texts, step.outputs) {
        record(
          PipelineStepTests.normalized(text, by: normalizers).utf8.elementsEqual(output.utf8),
          "\(step.step.prefix(200)) of \(text.debugDescription)")
      }
    }
    for step in expected.splitters {
      let splitters = try splitterKinds.read(step.fields())
      for (text, output) in zip(expected.texts, step.outputs) {
        let result = PipelineStepTests.pieces(of: text, by: splitters)
        record(
          result.count == output.count && zip(result, output).allSatisfy { $0.utf8.elementsEqual($1.utf8) },
          "\(step.step.prefix(200)) of \(text.debugDescription): \(result) instead of \(output)")
      }
    }
    print("\(different) of \(count) outputs of single steps differ")
    #expect(different == 0)
  }
}
