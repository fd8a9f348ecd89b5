import Foundation
import MotetFormats
import Testing

@testable import MotetTokenizers

/// The tokenizer of a GGUF model against llama.cpp; runs when `MOTET_TOKENIZER_GGUF` and `MOTET_TOKENIZER_ROWS` name the
/// model and what `Tests/Fixtures/tokenizer_llamacpp.py` made. `MOTET_TOKENIZER_EXPORT` names a folder to write the
/// tokenizer to, for checks with `transformers`.
@Suite struct GGUFFullCheck {
  private static let environment = ProcessInfo.processInfo.environment
  static let model = environment["MOTET_TOKENIZER_GGUF"].map { URL(filePath: $0) }
  static let rows = environment["MOTET_TOKENIZER_ROWS"].map { URL(filePath: $0) }
  static let export = environment["MOTET_TOKENIZER_EXPORT"].map { URL(filePath: $0) }

  private struct Row: Decodable {
    let text: String
    let ids: [Int32]
    let plain: [Int32]?
    let full: [Int32]
  }

  @Test(.enabled(if: GGUFFullCheck.model != nil && GGUFFullCheck.rows != nil)) func differsInNoText() throws {
    let rows = try JSONDecoder().decode([Row].self, from: Data(contentsOf: try #require(Self.rows)))
    let file = try GGUFFile(contentsOf: try #require(Self.model))
    var tokenizer: Tokenizer?
    let time = try ContinuousClock().measure { tokenizer = try Tokenizer(gguf: file) }
    let own = try #require(tokenizer)
    // llama.cpp does not compose characters, as the models' own tokenizers do.
    let composes = own.normalizers.contains { $0 is NFC }
    var (count, different) = (0, 0)
    for row in rows {
      if composes, !NFC(StepFields()).normalize(AlignedText(row.text.utf8)).bytes.elementsEqual(row.text.utf8)
      {
        continue
      }
      count += 1
      let parsed = own.encode(row.text, parsingSpecialTokens: true)
      let full = own.encode(row.text, parsingSpecialTokens: true, addingSpecialTokens: true)
      if parsed == row.ids, own.encode(row.text) == row.plain ?? row.ids, full == row.full { continue }
      different += 1
      if different <= 10 {
        print(
          "\(row.text.debugDescription): \(parsed.map { own.token($0) ?? "" }) or \(row.ids.map { own.token($0) ?? "" })"
        )
      }
    }
    print("read in \(time); \(different) of \(count) texts differ from llama.cpp")
    if let folder = Self.export {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try own.tokenizerJSON().write(to: folder.appending(path: "tokenizer.json"))
      let beside = try own.configurationJSON(chatTemplate: nil, pad: nil, maximumLength: 2048)
      try beside.configuration.write(to: folder.appending(path: "tokenizer_config.json"))
      try beside.specialTokens.write(to: folder.appending(path: "special_tokens_map.json"))
    }
    #expect(different == 0)
  }
}
