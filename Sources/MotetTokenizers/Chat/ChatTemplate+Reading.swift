import MotetTemplates

extension ChatTemplate {
  /// The turns of a conversation that is written out in this template, as `apply_chat_template` of `transformers`
  /// writes it; nil when `text` is anything else, and for templates without words between the turns.
  ///
  ///     try ChatTemplate(builtIn: "chatml").messages(
  ///       in: "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n")
  ///     // [user: Hi, assistant: Hello]
  ///
  /// White space around the whole and an end-of-text token after it are taken too. Where the template writes the role of
  /// every turn in the same way, as ChatML does, so are other roles, a head of the assistant's turn with nothing after
  /// it, and a last answer without its end of turn; other templates must write the very same text again.
  ///
  /// - Parameters:
  ///   - endOfText: how the end-of-text tokens are written that may follow
  ///   - needsAnswer: whether a conversation without an answer is nil
  public func messages(
    in text: String, endOfText: [String] = ["<|endoftext|>"], needsAnswer: Bool = true
  ) -> [ChatMessage]? {
    guard let markers else { return nil }
    var rest = Array(text.utf8)[...].droppingWhiteSpaceAtStart
    if let bos = specialTokens["bos_token"], !bos.isEmpty, rest.starts(with: bos.utf8) {
      rest = rest.dropFirst(bos.utf8.count).droppingWhiteSpaceAtStart
    }
    let read: (messages: [ChatMessage], rest: ArraySlice<UInt8>)?
    if let turns = WrittenTurns(markers) {
      read = turns.messages(in: rest)
    } else {
      read = messages(between: markers, in: rest)
    }
    guard let read else { return nil }
    rest = read.rest
    for token in endOfText + [specialTokens["eos_token"]].compactMap(\.self)
    where rest.starts(with: token.utf8) {
      rest = rest.dropFirst(token.utf8.count).droppingWhiteSpaceAtStart
    }
    let hasAnswer = read.messages.contains {
      $0.role == "assistant" && !$0.content.trimmingWhiteSpace.isEmpty
    }
    return rest.isEmpty && (hasAnswer || !needsAnswer && !read.messages.isEmpty) ? read.messages : nil
  }

  /// The turns between the words that a small conversation has there, when the template writes them again as they are.
  private func messages(
    between markers: ChatMarkers, in text: ArraySlice<UInt8>
  ) -> (messages: [ChatMessage], rest: ArraySlice<UInt8>)? {
    func bytes(_ marker: TemplateText) -> [UInt8] { Array(marker.string.trimmingWhiteSpace.utf8) }
    let (toAnswer, toUser, tail) = (
      bytes(markers.userToAnswer), bytes(markers.answerToUser), bytes(markers.answerTail)
    )
    guard !toAnswer.isEmpty, !toUser.isEmpty else { return nil }
    var messages: [ChatMessage] = []
    var rest = text
    func take(until marker: [UInt8], as role: String) -> Bool {
      guard let end = rest.firstRange(of: marker) else { return false }
      messages.append(ChatMessage(role: role, content: string(rest[..<end.lowerBound])))
      rest = rest[end.upperBound...]
      return true
    }
    func string(_ bytes: ArraySlice<UInt8>) -> String {
      String(decoding: bytes, as: UTF8.self).trimmingWhiteSpace
    }
    func drop(_ marker: [UInt8]) -> Bool {
      guard rest.starts(with: marker) else { return false }
      rest = rest.dropFirst(marker.count)
      return true
    }
    // A bos token was dropped before.
    let bos = specialTokens["bos_token"] ?? ""
    func head(_ marker: TemplateText) -> [UInt8] {
      var words = marker.string.trimmingWhiteSpace
      if !bos.isEmpty, words.hasPrefix(bos) { words = String(words.dropFirst(bos.count)).trimmingWhiteSpace }
      return Array(words.utf8)
    }
    // Some templates write the system prompt into the user's turn, where it stays.
    if let system = markers.system, !bytes(system.toUser).isEmpty,
      head(system.before) != head(markers.beforeUser),
      !head(system.before).isEmpty, drop(head(system.before))
    {
      guard take(until: bytes(system.toUser), as: "system") else { return nil }
    } else {
      guard drop(head(markers.beforeUser)) else { return nil }
    }
    while true {
      guard take(until: toAnswer, as: "user") else { return nil }
      if take(until: toUser, as: "assistant") { continue }
      if tail.isEmpty {
        messages.append(ChatMessage(role: "assistant", content: string(rest)))
        rest = []
      } else {
        guard take(until: tail, as: "assistant") else { return nil }
      }
      break
    }
    guard let again = try? rendered(messages, addGenerationPrompt: false) else { return nil }
    var written = again.string.trimmingWhiteSpace
    if !bos.isEmpty, written.hasPrefix(bos) {
      written = String(written.dropFirst(bos.count)).trimmingWhiteSpace
    }
    let consumed = String(decoding: text[..<rest.startIndex], as: UTF8.self).trimmingWhiteSpace
    guard
      written.utf8.elementsEqual(
        (rest.isEmpty ? String(decoding: text, as: UTF8.self).trimmingWhiteSpace : consumed).utf8)
    else { return nil }
    return (messages, rest.droppingWhiteSpaceAtStart)
  }
}

/// The form of a template that writes every turn alike: what begins it, its role, what stands between role and text, and
/// what ends it.
struct WrittenTurns {
  private let start: [UInt8]
  private let afterRole: [UInt8]
  private let end: [UInt8]

  /// More bytes than the name of a role has.
  private static let longestRole = 32

  /// Nil for templates that write turns in other forms.
  init?(_ markers: ChatMarkers) {
    guard let end = markers.endOfTurn, let user = Self.head(markers.answerToUser, after: end),
      let answer = Self.head(markers.userToAnswer, after: end), user == answer, !user.start.isEmpty,
      !user.afterRole.isEmpty
    else { return nil }
    (start, afterRole, self.end) = (user.start, user.afterRole, Array(end.utf8))
  }

  private struct Head: Equatable {
    let start: [UInt8]
    let afterRole: [UInt8]
  }

  /// The head in which a gap between two texts ends, when the role is written in it.
  private static func head(_ gap: TemplateText, after end: String) -> Head? {
    guard let role = gap.runs.first(where: { ChatOrigin.roleMessage(of: $0.origin) != nil })?.range,
      ["user", "assistant"].contains(gap.slice(role).string)
    else { return nil }
    let before = Array(gap.string.utf8)[..<role.lowerBound].droppingWhiteSpaceAtStart
    guard before.starts(with: end.utf8) else { return nil }
    return Head(
      start: Array(before.dropFirst(end.utf8.count).droppingWhiteSpaceAtStart),
      afterRole: Array(Array(gap.string.utf8)[role.upperBound...]))
  }

  /// The turns at the beginning of `text`, and what follows them.
  func messages(in text: ArraySlice<UInt8>) -> (messages: [ChatMessage], rest: ArraySlice<UInt8>)? {
    var rest = text
    var messages: [ChatMessage] = []
    while rest.starts(with: start) {
      let roleStart = rest.startIndex + start.count
      guard let head = rest[roleStart...].firstRange(of: afterRole), head.lowerBound > roleStart,
        head.lowerBound - roleStart <= Self.longestRole
      else { break }
      let role = String(decoding: rest[roleStart..<head.lowerBound], as: UTF8.self).trimmingWhiteSpace
      rest = rest[head.upperBound...]
      let close = rest.firstRange(of: end)
      let content = rest[..<(close?.lowerBound ?? rest.endIndex)]
      guard content.firstRange(of: start) == nil, !role.contains("<") else { return nil }
      rest = close.map { rest[$0.upperBound...].droppingWhiteSpaceAtStart } ?? []
      let body = String(decoding: content, as: UTF8.self)
      if close == nil {
        guard role == "assistant" else { return nil }
        let written = body.trimmingWhiteSpace
        if !written.isEmpty { messages.append(ChatMessage(role: role, content: written)) }
      } else {
        messages.append(ChatMessage(role: role, content: body))
      }
    }
    return (messages, rest)
  }
}

extension ArraySlice<UInt8> {
  fileprivate var droppingWhiteSpaceAtStart: ArraySlice<UInt8> {
    drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
  }
}

extension String {
  fileprivate var trimmingWhiteSpace: String {
    guard let first = firstIndex(where: { !$0.isWhitespace }),
      let last = lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(self[first...last])
  }
}
