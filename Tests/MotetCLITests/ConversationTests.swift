import Motet
import Testing

@testable import MotetCLI

@Suite struct ConversationTests {
  /// As many tokens as letters.
  private func count(_ messages: [ChatMessage]) -> Int { messages.reduce(0) { $0 + $1.content.count } }

  private func conversation(system: String? = "S", _ turns: Int) throws -> Conversation {
    var conversation = Conversation(system: system)
    for turn in 0..<turns {
      _ = try conversation.ask("\(turn)aaa", context: 1000, answer: 10, count: count)
      conversation.answer("\(turn)bbb")
    }
    return conversation
  }

  @Test func everythingIsKeptWhileThereIsRoom() throws {
    var conversation = try conversation(2)
    let asked = try conversation.ask("now", context: 30, answer: 10, count: count)
    #expect(asked.dropped == 0 && asked.tokens == 20)
    #expect(asked.messages.map(\.role) == ["system", "user", "assistant", "user", "assistant", "user"])
  }

  @Test func theOldestTurnsGoAndTheSystemTurnStays() throws {
    var conversation = try conversation(3)
    let asked = try conversation.ask("now", context: 22, answer: 10, count: count)
    #expect(asked.dropped == 2)
    #expect(asked.messages.map(\.content) == ["S", "2aaa", "2bbb", "now"])
    conversation.answer("yes")
    #expect(conversation.turns.map(\.content) == ["2aaa", "2bbb", "now", "yes"])
  }

  @Test func aMessageThatFitsAloneIsAskedWithWhatRoomThereIs() throws {
    var conversation = try conversation(2)
    let asked = try conversation.ask(String(repeating: "x", count: 18), context: 20, answer: 10, count: count)
    #expect(asked.dropped == 2 && asked.tokens == 19)
  }

  @Test func aMessageThatIsItselfTooLongIsRefusedAndNothingIsForgotten() throws {
    var conversation = try conversation(2)
    let before = conversation.turns
    #expect(throws: ConversationError.tooLong(tokens: 20, context: 20)) {
      try conversation.ask(String(repeating: "x", count: 19), context: 20, answer: 5, count: count)
    }
    #expect(conversation.turns == before)
  }

  @Test func aQuestionWithoutAnAnswerIsTakenBack() throws {
    var conversation = try conversation(1)
    _ = try conversation.ask("now", context: 100, answer: 5, count: count)
    conversation.answer("")
    #expect(conversation.turns.count == 2)
    conversation.reset()
    #expect(conversation.turns.isEmpty && conversation.system?.content == "S")
  }

  @Test(arguments: [
    ("", ChatLine.nothing), ("  \n", .nothing), ("hello", .text("hello")), ("a\n\nb\n", .text("a\n\nb")),
    ("/quit", .quit), ("/exit\n", .quit), ("/help", .help), ("/reset ", .reset), ("/mix", .mix(nil)),
    ("/mix  math=0.5 ", .mix("math=0.5")), ("//etc/hosts", .text("/etc/hosts")),
    ("/mixmath", .unknown("/mixmath")),
    ("/quit now", .unknown("/quit")), ("/", .unknown("/")), (" /quit", .text(" /quit")),
  ])
  func whatAMessageMeans(message: String, line: ChatLine) {
    #expect(ChatLine(message) == line)
  }
}
