import Foundation
import MotetTokenizers
import Testing

@testable import MotetTraining

/// Against the masks of transformers, made by Tests/Fixtures/multi_turn.py.
@Suite struct MultiTurnLabelTests {
  private struct Conversation: Decodable {
    let messages: [ChatMessage]
    let tokens: [Int32]
    let labelled: [Bool]
  }

  @Test func theLossIsOnTheAssistantsTurnsAlone() throws {
    let file = TinyModel.folder.appending(path: "multi_turn.json")
    let conversations = try JSONDecoder().decode([Conversation].self, from: Data(contentsOf: file))
    #expect(conversations.count == 4)
    let encoder = try DataFolder.encoder(context: 512)
    for (index, expected) in conversations.enumerated() {
      let row = DatasetRow(.messages(expected.messages), line: index + 1)
      let example = try encoder.encode(row, maximumLength: nil, file: "FILE").example
      #expect(example.tokens == expected.tokens)
      #expect(example.labelled == expected.labelled)
    }
  }

  /// A row of a file that has a tool's turn is refused; without it, it gives what the fixture has.
  @Test func rowsOfAFileGiveTheSame() throws {
    let file = TinyModel.folder.appending(path: "multi_turn.json")
    let conversations = try JSONDecoder().decode([Conversation].self, from: Data(contentsOf: file))
      .filter { !$0.messages.contains { $0.role == "tool" } }
    #expect(conversations.count == 3)
    let folder = try DataFolder()
    let path = try folder.file(
      conversations.map { conversation in
        let messages = try JSONEncoder().encode(conversation.messages)
        return #"{"messages": \#(String(decoding: messages, as: UTF8.self))}"# + "\n"
      }.joined())
    let data = try TrainingData(
      files: [WeightedFile(path)], encoder: DataFolder.encoder(context: 512))
    for (index, expected) in conversations.enumerated() {
      let example = try data.example(at: index)
      #expect(example.tokens == expected.tokens)
      #expect(example.labelled == expected.labelled)
    }
  }
}
