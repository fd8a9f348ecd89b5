import HTTPTypes
import Hummingbird
import HummingbirdTesting
import MotetFormats
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import MotetServer

/// Requests that would be long to read are refused before they are read.
@Suite(.serialized) struct WorkLimitTests {
  private let harness: Harness

  init() throws { harness = try Harness() }

  /// Sends a request that has to be refused within a second, and looks whether the server goes on.
  private func expectRefusal(
    _ path: String, _ body: String, _ code: Int = 400, at location: SourceLocation = #_sourceLocation
  ) async throws -> Harness.Reply {
    let began = ContinuousClock.now
    let reply = try await harness.post(path, body)
    #expect(ContinuousClock.now - began < .seconds(2), sourceLocation: location)
    #expect(reply.status == code, "\(reply.text.prefix(300))", sourceLocation: location)
    #expect(reply.text.utf8.count < 2_000, sourceLocation: location)
    #expect(harness.service.requests.isEmpty, sourceLocation: location)
    return reply
  }

  private static let chat = #""messages": [{"role": "user", "content": "Hi"}]"#

  private static let models = [
    (0..<40_000).map { "a\($0)" }.joined(separator: "+"), "a=" + String(repeating: "1", count: 1_000_000),
    "a=1" + String(repeating: "e+1", count: 300_000), String(repeating: "a", count: 1_000_000),
    "math@" + String(repeating: "9", count: 1_000_000), "a" + String(repeating: "\u{301}", count: 500_000),
    String(repeating: "+", count: 1_000_000), String(repeating: "\\", count: 1_000_000),
  ]

  @Test(arguments: Self.models.indices)
  func aLongModelIsRefusedUnread(index: Int) async throws {
    let model = JSONValue.string(Self.models[index]).text()
    for field in ["model", "adapter_id"] {
      let reply = try await expectRefusal("/v1/chat/completions", #"{\#(Self.chat), "\#(field)": \#(model)}"#)
      #expect(reply.parameter == field)
    }
    _ = try await expectRefusal(
      "/generate", #"{"inputs": "a", "parameters": {"adapter_id": \#(model)}}"#)
    _ = try await expectRefusal("/v1/embeddings", #"{"input": "a", "model": \#(model)}"#)
    _ = try await expectRefusal("/feedback", #"{"score": 1, "model": \#(model)}"#)
  }

  @Test func aMixOfManyTermsIsRefused() async throws {
    let model = (0..<33).map { "a\($0)" }.joined(separator: "+")
    let reply = try await expectRefusal("/v1/chat/completions", #"{\#(Self.chat), "model": "\#(model)"}"#)
    #expect(reply.message.contains("32"))
    let names = (0..<20_000).map { "\"a\($0)\"" }.joined(separator: ",")
    let merged = try await expectRefusal(
      "/v1/chat/completions", #"{\#(Self.chat), "merged_adapters": {"ids": [\#(names)]}}"#)
    #expect(merged.parameter == "merged_adapters.ids" && merged.message.contains("20000"))
    let list = (0..<20_000).map { _ in #"{"id": 0, "scale": 1}"# }.joined(separator: ",")
    _ = try await expectRefusal("/v1/chat/completions", #"{\#(Self.chat), "lora": [\#(list)]}"#)
    _ = try await expectRefusal("/lora-adapters", "[\(list)]")
  }

  @Test func longListsAreRefused() async throws {
    let biases = (0..<2_000).map { "\"\($0)\": 1" }.joined(separator: ",")
    #expect(
      try await expectRefusal("/v1/chat/completions", #"{\#(Self.chat), "logit_bias": {\#(biases)}}"#)
        .parameter
        == "logit_bias")
    let message = #"{"role": "user", "content": ""}"#
    let messages = Array(repeating: message, count: 50_000).joined(separator: ",")
    #expect(
      try await expectRefusal("/v1/chat/completions", #"{"messages": [\#(messages)]}"#).parameter
        == "messages")
    _ = try await expectRefusal("/tokenize", #"{"messages": [\#(messages)]}"#)
    // More messages than tokens that fit.
    let some = Array(repeating: message, count: 300).joined(separator: ",")
    #expect(
      try await expectRefusal("/v1/chat/completions", #"{"messages": [\#(some)]}"#).code
        == "context_length_exceeded")
    let parts = Array(repeating: #"{"type": "text", "text": "a"}"#, count: 5_000).joined(separator: ",")
    _ = try await expectRefusal(
      "/v1/chat/completions", #"{"messages": [{"role": "user", "content": [\#(parts)]}]}"#)
    _ = try await expectRefusal(
      "/v1/chat/completions", #"{\#(Self.chat), "cache_salt": "\#(String(repeating: "a", count: 2_000))"}"#)
    let tokens = Array(repeating: "65", count: 200_000).joined(separator: ",")
    _ = try await expectRefusal("/detokenize", #"{"tokens": [\#(tokens)]}"#)
    let path = String(repeating: "a/", count: 100_000)
    _ = try await expectRefusal("/adapters", #"{"name": "a", "path": "\#(path)"}"#)
  }

  /// One character may be a megabyte.
  @Test func whatAMessageRepeatsIsShort() async throws {
    let long = JSONValue.string("a" + String(repeating: "\u{301}", count: 1_000_000)).text()
    for body in [
      #"{"messages": [{"role": \#(long), "content": "a"}]}"#,
      #"{"messages": [{"role": "user", "content": [{"type": \#(long)}]}]}"#,
      #"{\#(Self.chat), "logit_bias": {\#(long): 1}}"#,
      #"{\#(Self.chat), "response_format": {"type": \#(long)}}"#,
      #"{\#(Self.chat), "merged_adapters": {"ids": ["a"], "merge_strategy": \#(long)}}"#,
      #"{\#(Self.chat), \#(long): 1, \#(long): 1}"#,
    ] { _ = try await expectRefusal("/v1/chat/completions", body) }
    _ = try await expectRefusal("/v1/embeddings", #"{"input": "a", "encoding_format": \#(long)}"#)
  }

  /// A list takes ten times the memory of its two brackets.
  @Test func manyListsAreRefused() async throws {
    let lists = String(repeating: "[0],", count: 1_000_000)
    let reply = try await expectRefusal("/v1/chat/completions", #"{\#(Self.chat), "user": [\#(lists)0]}"#)
    #expect(reply.code == "invalid_json")
  }

  @Test func aPromptThatCannotFitIsNotTurnedIntoTokens() async throws {
    let long = String(repeating: " ", count: 7_000_000)
    for (path, body, parameter) in [
      ("/v1/chat/completions", #"{"messages": [{"role": "user", "content": "\#(long)"}]}"#, "messages"),
      ("/v1/completions", #"{"prompt": "\#(long)"}"#, "prompt"),
      ("/v1/completions", #"{"prompt": ["a", "\#(long)"]}"#, "prompt[1]"),
      ("/completion", #"{"prompt": "\#(long)"}"#, "prompt"),
      ("/generate", #"{"inputs": "\#(long)"}"#, "inputs"),
      ("/generate_stream", #"{"inputs": "\#(long)"}"#, "inputs"),
      ("/v1/embeddings", #"{"input": "\#(long)"}"#, "input"),
      ("/v1/embeddings", #"{"input": ["a", "\#(long)"]}"#, "input[1]"),
      ("/tokenize", #"{"prompt": "\#(long)"}"#, "prompt"),
      ("/tokenize", #"{"messages": [{"role": "user", "content": "\#(long)"}]}"#, "messages"),
    ] {
      let reply = try await expectRefusal(path, body)
      let message = reply.message + (reply["error"].stringValue ?? "")
      #expect(message.contains("7000000 bytes"), "\(path): \(message)")
      if !path.hasPrefix("/generate") {
        #expect(reply.parameter == parameter && reply.code == "context_length_exceeded", "\(path)")
      }
    }
    let routed = try Harness(router: ScriptedRouter())
    #expect(try await routed.post("/route", #"{"prompt": "\#(long)a"}"#).status == 400)
  }

  /// What takes long is one text after another, on a thread of its own: what others ask goes out meanwhile.
  @Test func otherRequestsGoOnWhileALaneIsBusy() async throws {
    let lane = WorkLane("test")
    let isFree = Mutex(false)
    let busy = Task {
      try await lane.run {
        while !isFree.withLock({ $0 }) { _ = 1 }
        return 1
      }
    }
    let waiting = Task { try await lane.run { 2 } }
    waiting.cancel()
    #expect(try await harness.chat().status == 200)
    isFree.withLock { $0 = true }
    #expect(try await busy.value == 1)
    await #expect(throws: CancellationError.self) { try await waiting.value }
  }
}
