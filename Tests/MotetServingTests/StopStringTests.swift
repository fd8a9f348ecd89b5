import Foundation
import MotetTokenizers
import Testing

@testable import MotetServing

@Suite struct StopStringTests {
  private static func tokenizer() throws -> Tokenizer {
    try Tokenizer(tokenizerJSON: TinyModel.folder.appending(path: "model/tokenizer.json"))
  }

  /// The pieces of a text whose tokens come one at a time, and whether a stop string ended it.
  private static func pieces(
    of text: String, stops: [String]
  ) throws -> (pieces: [String], tokens: [ServedToken], isStopped: Bool) {
    let tokenizer = try tokenizer()
    var answer = AnswerText(tokenizer, stops: stops.isEmpty ? nil : try StopMatcher(stops))
    var pieces: [String] = []
    var tokens: [ServedToken] = []
    for id in tokenizer.encode(text) {
      let step = answer.append(ServedToken(id: id))
      pieces.append(step.text)
      tokens += step.tokens
      if step.isStopped { return (pieces, tokens, true) }
    }
    let rest = answer.finish()
    return (pieces + [rest.text], tokens + rest.tokens, rest.isStopped)
  }

  @Test func aStopStringOverTokenBordersEndsTheTextBeforeIt() throws {
    for (text, stop, expected) in [
      ("the answer is in the house", "swer is", "the an"), ("what is that?", "?", "what is that"),
      ("the the the", "the", ""), ("aab aaab", "aaab", "aab "), ("é漢👍漢字", "漢字", "é漢👍"),
    ] {
      let found = try Self.pieces(of: text, stops: [stop])
      #expect(found.isStopped)
      #expect(found.pieces.joined() == expected)
    }
  }

  @Test func whatMayBeginAStopStringIsHeldBackAndSentWhenItDoesNot() throws {
    let found = try Self.pieces(of: "abcabx and more", stops: ["abcaby"])
    #expect(!found.isStopped)
    #expect(found.pieces.joined() == "abcabx and more")
    #expect(found.pieces.prefix(5).joined().isEmpty)
    let atEnd = try Self.pieces(of: "so ab", stops: ["abc"])
    #expect(atEnd.pieces.dropLast().joined() == "so ")
    #expect(atEnd.pieces.joined() == "so ab")
  }

  @Test func theFirstToCompleteEndsTheTextAndOfThoseTheLongest() throws {
    #expect(try Self.pieces(of: "xabcd", stops: ["abcd", "bc"]).pieces.joined() == "xa")
    #expect(try Self.pieces(of: "xabcd", stops: ["c", "abc"]).pieces.joined() == "x")
  }

  @Test func piecesAreWholeCharactersAndTokensComeWithTheirText() throws {
    let tokenizer = try Self.tokenizer()
    let text = "é漢字 👍 the house"
    let found = try Self.pieces(of: text, stops: [])
    #expect(found.pieces.joined() == text)
    #expect(found.pieces.allSatisfy { !$0.contains("\u{FFFD}") })
    #expect(found.tokens.map(\.id) == tokenizer.encode(text))
    let held = try Self.pieces(of: text, stops: ["the house!"])
    #expect(held.pieces.joined() == text)
    #expect(held.tokens.map(\.id) == tokenizer.encode(text))
    let stopped = try Self.pieces(of: text, stops: [" the"])
    #expect(tokenizer.decode(stopped.tokens.map(\.id)) == "é漢字 👍")
  }

  @Test func tenThousandStopStringsCostNoMoreThanOne() throws {
    let many = (0..<10_000).map { "stop string number \($0)!" } + ["needle"]
    let matcher = try StopMatcher(many)
    let text = String(repeating: "stop string number 12345 and ", count: 20_000)
    let began = ContinuousClock.now
    var state: Int32 = 0
    var matches = 0
    for byte in (text + "needle").utf8 {
      state = matcher.next(state, byte)
      if matcher.matched(state) > 0 { matches += 1 }
    }
    #expect(matches == 1)
    #expect(ContinuousClock.now - began < .seconds(2))
  }

  @Test func emptyAndEndlessStopStringsAreRefused() {
    #expect(throws: ServingError.self) { _ = try StopMatcher(["a", ""]) }
    #expect(throws: ServingError.self) { _ = try StopMatcher([String(repeating: "a", count: 2 << 20)]) }
  }

  @Test func stopStringsEndAnswersOfTheEngine() async throws {
    let base = try await TinyModel.load()
    let engine = await ServingEngine(base, library: nil)
    let whole = try await engine.whole(greedy("0", prompt(9), tokens: 40))
    let characters = Array(whole.text)
    let stop = String(characters[characters.count / 2..<characters.count / 2 + 3])
    var request = greedy("1", prompt(9), tokens: 40)
    request.stopStrings = ["never there", stop]
    let stopped = try await engine.whole(request)
    #expect(stopped.reason == .stop)
    let place = try #require(whole.text.range(of: stop))
    #expect(stopped.text == String(whole.text[..<place.lowerBound]))
    #expect((stopped.usage?.completionTokens ?? 40) < 40)
    #expect(stopped.usage?.stopString == stop)
    #expect(whole.usage?.stopString == nil)
  }
}
