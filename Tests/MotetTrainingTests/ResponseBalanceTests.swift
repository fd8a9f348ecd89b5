import Foundation
import Testing

@testable import MotetTraining

@Suite struct ResponseBalanceTests {
  private func balance(_ rows: [String]) throws -> ResponseBalance? {
    let folder = try DataFolder()
    return try TrainingData(try folder.file(rows.joined(separator: "\n"))).responseBalance()
  }

  @Test func labelsAreFoundWithTheirSharesAndTheNLLOfTheirFrequencies() throws {
    let rows = (0..<40).map { #"{"text": "row \#($0)", "label": \#($0 % 4 == 0 ? 0 : 1)}"# }
    let found = try #require(try balance(rows))
    #expect(found.parts == [.init(response: "1", share: 0.75), .init(response: "0", share: 0.25)])
    // The entropy of 3:1 is 0.5623 nats, over the label's token and the end of turn.
    #expect(found.tokensPerRow == 2)
    #expect(abs(found.frequencyNLL - 0.562335 / 2) < 1e-5)
    #expect(
      found.warning.hasPrefix(
        "classification by text: the responses are 2 short texts (\"1\" 75%, \"0\" 25%). NLL falls to 0.281 ")
    )
    #expect(found.warning.contains("--metric exact-match") && found.warning.contains("0.750"))
  }

  @Test func fewShortResponsesOfManyRowsAreFoundWithoutLabels() throws {
    let rows = (0..<40).map { #"{"prompt": "row \#($0)", "response": "\#($0 % 2 == 0 ? "yes" : "no")"}"# }
    #expect(try balance(rows)?.parts.map(\.response) == ["no", "yes"])
  }

  @Test func otherRowsAreNot() throws {
    #expect(try balance((0..<40).map { #"{"prompt": "row \#($0)", "response": "answer \#($0)"}"# }) == nil)
    #expect(try balance((0..<8).map { #"{"prompt": "row \#($0)", "response": "x = 7"}"# }) == nil)
    let long = String(repeating: "long ", count: 20)
    #expect(try balance((0..<40).map { #"{"prompt": "row \#($0)", "response": "\#(long)"}"# }) == nil)
    #expect(
      try balance((0..<10).map { #"{"text": "translate \#($0)", "label": "translation \#($0)"}"# }) == nil)
    #expect(try balance((0..<40).map { #"{"text": "plain text \#($0 % 2)"}"# }) == nil)
  }

  @Test func manyLabelsAreClassesToo() throws {
    let rows = (0..<120).map { #"{"text": "row \#($0)", "label": "class \#($0 % 60)"}"# }
    #expect(try balance(rows)?.parts.count == 60)
  }
}
