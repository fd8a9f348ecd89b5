import Foundation
import MotetAdapters
import MotetModels
import Testing

@Suite struct AdapterRecordTests {
  private func read(_ text: String) throws -> AdapterRecord? {
    try withTemporaryFolder { folder in
      try Data(text.utf8).write(to: folder.appendingPathComponent(AdapterRecord.fileName))
      return try AdapterRecord.read(from: folder)
    }
  }

  @Test func aRecordComesBackAsItWasWritten() throws {
    let record = AdapterRecord(
      motet: "0.1.0",
      base: BaseIdentity(
        name: "tiny", architecture: "llama", layers: 2, hidden: 8, vocabulary: 16,
        sketch: ["layers.0.self_attn.q_proj": [0.1, -2.5]]),
      dataHash: "ab", weightsHash: "cd",
      training: TrainingRecord(
        method: "lora", steps: 32, tokens: 1000, seconds: 2.5, loss: .infinity, seed: 7),
      metrics: ["eval_nll_after": 1.125], parents: [.init(name: "math@3", weight: 0.5)])
    #expect(try read(String(decoding: record.encoded(), as: UTF8.self)) == record)
  }

  @Test func keysOfALaterVersionArePassedOver() throws {
    let record = try read(
      #"{"motet": "9.0", "created": "2026-01-02T03:04:05Z", "aura": {"x": [1]}, "training": {"mood": 3}}"#)
    #expect(record?.motet == "9.0")
    #expect(record?.created == Date(timeIntervalSince1970: 1_767_323_045))
    #expect(record?.training == TrainingRecord())
    #expect(record?.metrics == [:])
  }

  @Test func aMalformedRecordIsRefusedWithItsPlace() throws {
    let start = #"{"motet": "1", "created": "2026-01-02T03:04:05Z", "#
    let cases = [
      ("", "no JSON"), ("{", "no JSON"), ("[]", "the top"), ("{}", "'motet' is missing"),
      (#"{"motet": "1"}"#, "'created' is missing"),
      (#"{"motet": "1", "created": "yesterday"}"#, "'created'"),
      (start + #""base": {"architecture": "llama", "layers": "two"}}"#, "'base.layers' is no Int"),
      (start + #""base": {"architecture": "llama"}}"#, "'base.layers' is missing"),
      (start + #""parents": [{"weight": 1}]}"#, "name' is missing"),
      (start + #""metrics": {"loss": true}}"#, "'metrics.loss' is no Double"),
    ]
    for (text, words) in cases {
      #expect("\(text)") { try read(text) } throws: { error in
        guard case AdapterRecordError.malformed = error else { return false }
        let description = "\(error)"
        return description.contains(words) && description.contains("motet.json")
          && !description.contains("\n")
      }
    }
  }
}
