import Foundation
import MotetFormats
import MotetTokenizers
import Testing

@Suite struct ChatMessageTests {
  private func decoded(_ json: String) throws -> ChatMessage {
    let message = try JSONDecoder().decode(ChatMessage.self, from: Data(json.utf8))
    let read = try ChatMessage(ChatFixture.json(Data(json.utf8), named: "message"))
    #expect(
      read.role == message.role && read.content == message.content && read.toolCallID == message.toolCallID)
    return message
  }

  @Test func aPlainMessageIsWrittenAsBefore() throws {
    let message = ChatMessage(role: "user", content: "Hi")
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    #expect(
      String(decoding: try encoder.encode(message), as: UTF8.self) == #"{"content":"Hi","role":"user"}"#)
    #expect(try decoded(#"{"role": "user", "content": "Hi"}"#) == message)
  }

  @Test func partsCallsAndReasoningAreReadAndWritten() throws {
    let parts = try decoded(
      #"{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}"#)
    #expect(parts.parts == ["a", "b"] && parts.content == "ab")
    let call = try decoded(
      #"{"role": "assistant", "content": null, "reasoning": "hm", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]}"#
    )
    #expect(call.content.isEmpty && call.parts == nil && call.reasoning == "hm")
    #expect(call.toolCalls == [.init(id: "1", name: "f", arguments: #"{"a": 1}"#)])
    let result = try decoded(#"{"role": "tool", "content": "5", "tool_call_id": "1", "name": "f"}"#)
    #expect(result.toolCallID == "1" && result.name == "f")
    for message in [parts, call, result] {
      #expect(try JSONDecoder().decode(ChatMessage.self, from: JSONEncoder().encode(message)) == message)
    }
  }

  @Test func argumentsThatAreAnObjectKeepTheirOrderWhereTheReaderDoes() throws {
    let json =
      #"{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"b": 1.50, "a": [null, true, "x"]}}}]}"#
    let read = try ChatMessage(ChatFixture.json(Data(json.utf8), named: "message"))
    #expect(read.toolCalls.first?.arguments == #"{"b": 1.50, "a": [null, true, "x"]}"#)
    #expect(try decoded(json).toolCalls.first?.arguments == #"{"a": [null, true, "x"], "b": 1.5}"#)
  }

  @Test func settingTheContentReplacesTheParts() {
    var message = ChatMessage(role: "user", parts: ["a", "b"])
    message.content = "c"
    #expect(message == ChatMessage(role: "user", content: "c"))
  }

  @Test(arguments: [
    #"{"content": "Hi"}"#, #"{"role": 1, "content": "Hi"}"#, #"{"role": "user", "content": 1}"#,
    #"{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}"#,
    #"{"role": "user", "content": [{"type": "text"}]}"#,
    #"{"role": "assistant", "tool_calls": [{"id": "1"}]}"#, #"{"role": "assistant", "tool_calls": 5}"#,
  ])
  func whatIsNotAMessageIsRefused(json: String) throws {
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(ChatMessage.self, from: Data(json.utf8)) }
    let tree = try ChatFixture.json(Data(json.utf8), named: "message")
    #expect(throws: ChatTemplateError.self) { try ChatMessage(tree) }
  }
}
