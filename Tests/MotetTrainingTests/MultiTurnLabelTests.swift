import Foundation
import MotetTokenizers
import MotetTraining
import Testing

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
