import MotetAdapters
import MotetModels
import MotetTensor
import MotetTokenizers
import Testing

@testable import MotetTraining

@Suite struct ExactMatchTests {
  private static func turns(_ turns: (String, String)...) -> [ChatMessage] {
    turns.map { ChatMessage(role: $0.0, content: $0.1) }
  }

  private static let long = turns(
    ("system", "be brief"), ("user", "one"), ("assistant", "1"), ("user", "two"), ("assistant", "2"),
    ("user", "and then?"))

  @Test func aRowAsksWithAllTurnsBeforeItsLastAnswer() {
    let row = DatasetRow(.messages(Self.long))
    #expect(row.turnsBeforeAnswer == Array(Self.long.prefix(4)))
    #expect(row.response == "2" && row.answers == ["2"])
    // The user's last turn has no answer: it is not what the answer is paired with.
    #expect(row.prompt == "two")
  }

  @Test func plainTextHasNoAnswer() {
    let row = DatasetRow(.text("once upon a time"))
    #expect(row.turnsBeforeAnswer == nil && row.response == "" && row.prompt == "once upon a time")
  }

  @Test func anyOfTheListedAnswersIsRight() {
    var row = DatasetRow(prompt: "who?", response: "Ada")
    row.acceptedResponses = ["Ada", "Ada Lovelace"]
    #expect(ExactMatch.accepts("ada  lovelace\n", among: row.answers))
    #expect(ExactMatch.accepts("Ada", among: row.answers))
    #expect(!ExactMatch.accepts("Lovelace", among: row.answers))
  }

  /// What the base says to a conversation, asked by other means.
  @Compute
  private func answer(_ base: BaseModel, to turns: [ChatMessage]) async throws -> String {
    let prompt = try base.tokens(asking: turns)
    let output = try await base.complete([
      GenerationRequest(prompt: prompt, mix: Mix.base.bound(to: base), maximumTokens: 6)
    ])
    return base.tokenizer.decode(output[0], skippingSpecialTokens: true)
  }

  @Test func theModelIsAskedWithTheSystemTurnAndTheHistory() async throws {
    let base = try await TinyModel.load()
    let before = Array(Self.long.prefix(4))
    let right = try await answer(base, to: before)
    // Without the history it answers otherwise, or the test would show nothing.
    #expect(try await answer(base, to: [before[3]]) != right)
    var turns = before
    turns.append(ChatMessage(role: "assistant", content: right))
    let after = turns + [ChatMessage(role: "user", content: "thanks")]
    let set = Dataset([DatasetRow(.messages(turns)), DatasetRow(.messages(after))])
    let found = try await base.exactMatch(of: set, mixes: [.base, .base], maximumTokens: 6)
    #expect(found.value == 1 && found.count == 2 && found.cut == 0)
  }

  @Test func wrongAnswersThatWereCutAreCounted() async throws {
    let base = try await TinyModel.load()
    let set = Dataset([DatasetRow(prompt: "what is 1?", response: "no such answer")])
    let found = try await base.exactMatch(of: set, mixes: [.base], maximumTokens: 1)
    #expect(found.value == 0 && found.cut == 1)
  }

  @Test(arguments: [
    (DatasetRow(.text("plain"), line: 3), "rows, row 3: it has no response to compare an answer with"),
    (
      DatasetRow(.messages(turns(("assistant", "hello"))), line: 4),
      "rows, row 4: nothing stands before its response"
    ),
    (
      DatasetRow(prompt: String(repeating: "word ", count: 5000), response: "x", line: 5),
      "rows, row 5: the "
    ),
  ])
  func rowsThatCannotBeAskedAreNamed(row: DatasetRow, problem: String) async throws {
    let base = try await TinyModel.load()
    let error = await #expect(throws: DatasetError.self) {
      _ = try await base.exactMatch(of: Dataset([row], name: "rows"), mixes: [.base])
    }
    #expect(error?.description.hasPrefix(problem) == true, "\(error.map { "\($0)" } ?? "")")
  }
}
