import Foundation
import MotetTokenizers
import Testing

/// Every line of a large file against Hugging Face `tokenizers`; runs when `MOTET_TOKENIZER_LINES` and
/// `MOTET_TOKENIZER_JSON` name the files that `Tests/Fixtures/tokenizer.py full` made.
@Suite struct TokenizerFullCheck {
  static let lines = ProcessInfo.processInfo.environment["MOTET_TOKENIZER_LINES"]
  static let json = ProcessInfo.processInfo.environment["MOTET_TOKENIZER_JSON"]

  @Test(.enabled(if: TokenizerFullCheck.lines != nil && TokenizerFullCheck.json != nil))
  func differsInNoLine() throws {
    let lines = try Data(contentsOf: URL(filePath: #require(Self.lines)))
    let tokenizer = try Tokenizer(tokenizerJSON: URL(filePath: #require(Self.json)))
    let decoder = JSONDecoder()
    var (count, different, bytes) = (0, 0, 0)
    var time = Duration.zero
    for row in lines.split(separator: UInt8(ascii: "\n")) {
      let line = try decoder.decode(TokenizerFixtures.Line.self, from: row)
      time += ContinuousClock().measure { _ = tokenizer.encode(line.text) }
      count += 1
      bytes += line.text.utf8.count
      if !line.agrees(with: tokenizer) {
        different += 1
        if different <= 20 { Issue.record("\(line.text.debugDescription)") }
      }
    }
    let speed = Double(bytes) / 1e6 / (time / .seconds(1))
    print("\(different) of \(count) lines differ; \(bytes) bytes encoded at \(speed) MB/s")
    #expect(different == 0)
    #expect(count >= 10_000)
    #if !DEBUG
      #expect(speed >= 1)
    #endif
  }
}
