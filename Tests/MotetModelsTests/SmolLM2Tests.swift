import Foundation
import MotetModels
import MotetTensor
import MotetTokenizers
import Testing

/// The real model against what `transformers` computes from the same file (Tests/Fixtures/models.py).
@Suite(.enabled(if: SmolLM2.isThere), .serialized)
struct SmolLM2Tests {
  @Test @Compute func promptsBecomeTheSameTokens() async throws {
    let base = try await SmolLM2.load(.f32)
    for row in try SmolLM2.fixture().rows {
      let ids = try base.promptTokens(row.prompt)
      #expect(ids == row.ids, "\(row.prompt)")
    }
  }

  @Test func theExportedTokenizerGivesTheSameTokens() async throws {
    let source = try ModelStore().find(SmolLM2.name).source()
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, data) in try source.companions() { try data.write(to: folder.appending(path: name)) }
    let (own, exported) = (
      try source.tokenizer(), try Tokenizer(tokenizerJSON: folder.appending(path: "tokenizer.json"))
    )
    #expect(exported.splitting == own.splitting)
    #expect(exported.bos == own.bos && exported.eos == own.eos && own.eos != nil)
    #expect((0..<Int32(own.vocabularySize)).allSatisfy { own.token($0) == exported.token($0) })
    let lines = try SmolLM2.fixture().rows.map(\.prompt) + ["it's 1234 x² 漢字 👩‍👩‍👧\t\n  <|im_end|>\u{200b}é"]
    for line in lines {
      for parsing in [false, true] {
        #expect(
          exported.encode(line, parsingSpecialTokens: parsing)
            == own.encode(line, parsingSpecialTokens: parsing))
      }
    }
    #expect(try ChatTemplate(huggingFace: folder) == source.template())
  }

  @Test @Compute func logitsInF32AreThoseOfTransformers() async throws {
    let base = try await SmolLM2.load(.f32)
    let fixture = try SmolLM2.fixture()
    var worst: Float = 0
    for row in fixture.rows {
      let logits = try base.logits(
        [BatchRow(tokens: row.ids, mix: .base)], at: [row.ids.count - 1], on: Tape(recording: false)
      ).values
      for (index, expected) in row.logits.enumerated() {
        worst = max(worst, abs(logits[index * fixture.stride] - expected))
      }
      let highest = logits.max() ?? 0
      let sum = logits.reduce(0.0) { $0 + exp(Double($1 - highest)) }
      #expect(abs(log(sum) + Double(highest) - row.logSumExp) < 1e-3)
    }
    print("largest difference of a logit in f32: \(worst)")
    #expect(worst < 1e-3)
  }

  @Test @Compute func greedyTextInF32IsThatOfTransformers() async throws {
    let base = try await SmolLM2.load(.f32)
    let rows = try SmolLM2.fixture().rows
    let answers = try await base.complete(
      rows.map { GenerationRequest(prompt: $0.ids, mix: .base, maximumTokens: 40) })
    #expect(rows.count >= 20)
    for (row, answer) in zip(rows, answers) { #expect(answer == row.greedy, "\(row.prompt)") }
  }

  @Test @Compute func loadingTwiceGivesOneFingerprintAndPrecisionAnother() async throws {
    let first = try await SmolLM2.load(.f32)
    let second = try await SmolLM2.load(Precision.bf16.isAvailable ? .bf16 : .stored)
    #expect(first.fingerprint() == first.fingerprint())
    #expect(first.fingerprint() != second.fingerprint())
    #expect(first.identity.mismatch(with: second.identity) == nil)
  }
}

enum SmolLM2 {
  struct Fixture: Decodable {
    struct Row: Decodable {
      let prompt: String
      let ids: [Int32]
      let logits: [Float]
      let logSumExp: Double
      let greedy: [Int32]

      enum CodingKeys: String, CodingKey {
        case prompt, ids, logits, greedy
        case logSumExp = "log_sum_exp"
      }
    }
    let stride: Int
    let rows: [Row]
  }

  static let name = "smollm2-135m-instruct"
  static var isThere: Bool { (try? ModelStore().find(name)) != nil }

  static func fixture() throws -> Fixture {
    let url = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Fixtures/models/smollm2.json")
    return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: url))
  }

  @Compute private static var loaded: [Precision: BaseModel] = [:]

  @Compute static func load(_ precision: Precision) async throws -> BaseModel {
    if let base = loaded[precision] { return base }
    let base = try await BaseModel.load(name, precision: precision)
    loaded[precision] = base
    return base
  }
}
