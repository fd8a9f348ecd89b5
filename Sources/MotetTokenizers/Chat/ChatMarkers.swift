import MotetTemplates

/// What a template writes around the turns, found by rendering small conversations.
///
///     try ChatTemplate(builtIn: "chatml").markers?.endOfTurn       // "<|im_end|>"
///     try ChatTemplate(builtIn: "llama2").markers?.startOfTurn     // "[INST]"
public struct ChatMarkers: Sendable {
  /// What ends an assistant's turn, as it is written; nil when the template writes nothing there.
  public let endOfTurn: String?
  /// What begins a turn, as it is written; nil when the template writes nothing there.
  public let startOfTurn: String?
  /// The head of the assistant's turn; empty for templates without one.
  public var generationPrompt: String { answerHead.string }

  /// What follows a user's text up to the assistant's, within a conversation.
  let userToAnswer: TemplateText
  /// What follows an assistant's text up to the user's.
  let answerToUser: TemplateText
  /// What follows the assistant's text at the end of a conversation.
  let answerTail: TemplateText
  /// What follows a user's text at the end of a conversation.
  let userTail: TemplateText
  /// What the generation prompt adds at the end.
  let answerHead: TemplateText
  /// What begins an answer behind the end of the user's turn; nil where that end cannot be told.
  let answerOpening: TemplateText?
  /// What comes before the first user's text.
  let beforeUser: TemplateText
  /// What comes before the text of a system prompt, and between it and the user's; nil when the template has no place
  /// for one before the user's turn.
  let system: (before: TemplateText, toUser: TemplateText)?

  private static let turns = ["user", "assistant", "user", "assistant"]

  /// The messages of a probe, with texts that no template takes for anything.
  private static func probe(_ roles: [String]) -> [ChatMessage] {
    let words = ["one", "two", "three", "four", "five"]
    return zip(roles, words).map { ChatMessage(role: $0, content: $1) }
  }

  /// Nil for a template that refuses the probes or changes their order.
  init?(_ renderer: ChatRenderer) {
    func gaps(_ roles: [String], prompt: Bool = false) -> [TemplateText]? {
      guard let text = try? renderer.rendered(Self.probe(roles), addGenerationPrompt: prompt) else {
        return nil
      }
      return text.gaps(between: roles.count)
    }
    guard let whole = gaps(Self.turns), let asked = gaps(Array(Self.turns.prefix(3))),
      let prompted = gaps(Array(Self.turns.prefix(3)), prompt: true)
    else { return nil }
    (beforeUser, userToAnswer, answerToUser, answerTail) = (whole[0], whole[1], whole[2], whole[4])
    userTail = asked[3]
    let head = prompted[3]
    let shared = head.commonPrefix(with: userTail)
    answerHead = head.slice(from: shared == userTail.utf8Count ? shared : 0)
    answerOpening =
      userToAnswer.hasPrefix(userTail) ? userToAnswer.slice(from: userTail.utf8Count) : nil
    system = gaps(["system", "user"]).map { ($0[0], $0[1]) }

    endOfTurn = answerTail.string.firstWord
    let userHead = answerToUser.string.dropping(endOfTurn).dropping(renderer.specialTokens["bos_token"])
    startOfTurn = Self.startOfTurn(userHead, answerHead.string)
  }

  /// What the heads of both roles begin with, where that is a marker of its own; else the head of the user's turn.
  private static func startOfTurn(_ userHead: String, _ answerHead: String) -> String? {
    let shared = userHead.commonPrefix(with: answerHead)
    if let last = shared.last, last == ">" || last == "]" { return shared }
    return userHead.firstWord
  }
}

extension TemplateText {
  /// What stands before, between and after the texts of the messages; nil unless each of them stands there once, in
  /// their order.
  fileprivate func gaps(between count: Int) -> [TemplateText]? {
    var gaps: [TemplateText] = []
    var start = 0
    for run in runs {
      guard let message = ChatOrigin.message(of: run.origin) else { continue }
      guard message == gaps.count else { return nil }
      gaps.append(slice(start..<run.range.lowerBound))
      start = run.range.upperBound
    }
    guard gaps.count == count else { return nil }
    return gaps + [slice(from: start)]
  }

  /// How many bytes at the beginning are the same.
  func commonPrefix(with other: TemplateText) -> Int {
    zip(string.utf8, other.string.utf8).prefix { $0 == $1 }.reduce(0) { count, _ in count + 1 }
  }

  func slice(from start: Int) -> TemplateText { slice(start..<utf8Count) }
}

extension String {
  /// Up to the first white space behind the beginning; nil when there is nothing else.
  fileprivate var firstWord: String? {
    let rest = drop(while: \.isWhitespace)
    let word = rest.prefix { !$0.isWhitespace }
    return word.isEmpty ? nil : String(word)
  }

  /// Without white space and `prefix` at the beginning.
  fileprivate func dropping(_ prefix: String?) -> String {
    var rest = drop(while: \.isWhitespace)
    if let prefix, !prefix.isEmpty, rest.hasPrefix(prefix) {
      rest = rest.dropFirst(prefix.count).drop(while: \.isWhitespace)
    }
    return String(rest)
  }

  fileprivate func commonPrefix(with other: String) -> String {
    String(zip(self, other).prefix { $0 == $1 }.map(\.0))
  }
}
