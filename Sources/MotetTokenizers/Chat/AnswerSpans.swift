import MotetTemplates

/// Where the assistant's turns stand in a rendered conversation: see ``ChatTemplate/encode(_:with:addGenerationPrompt:unlabelled:inputs:)``
/// for the rule.
struct AnswerSpans {
  private let template: ChatTemplate
  private let messages: [ChatMessage]
  private let inputs: ChatInputs
  private let text: TemplateText
  private let tokens: [PlacedToken]
  private let tokenizer: Tokenizer
  private let ends: Set<Int32>
  /// Where the texts of the messages stand, by their numbers: from the first byte to the last.
  private var places: [Int: Range<Int>] = [:]

  /// With more turns than these, the beginnings of most are looked for in the text, which is rendered once.
  private static let fewTurns = 4

  init(
    _ template: ChatTemplate, _ messages: [ChatMessage], _ inputs: ChatInputs, _ text: TemplateText,
    _ tokens: [PlacedToken], _ tokenizer: Tokenizer
  ) {
    self.template = template
    self.messages = messages
    self.inputs = inputs
    self.text = text
    self.tokens = tokens
    self.tokenizer = tokenizer
    ends = template.turnEnds(in: tokenizer)
    for run in text.runs {
      guard let message = ChatOrigin.message(of: run.origin) else { continue }
      let start = places[message]?.lowerBound ?? run.range.lowerBound
      places[message] = start..<run.range.upperBound
    }
  }

  /// The stretches that are labelled, in order.
  func spans(of turns: [Int]) throws -> [Range<Int>] {
    let sorted = places.sorted { $0.value.lowerBound < $1.value.lowerBound }
    for (one, next) in zip(sorted, sorted.dropFirst())
    where one.value.upperBound > next.value.lowerBound
      && (turns.contains(one.key) || turns.contains(next.key))
    {
      throw failure(turns.contains(one.key) ? one.key : next.key, "the template mixes it with other turns")
    }
    for turn in turns where places[turn] == nil && messages[turn].hasText {
      throw ChatTemplateError.leftOut(turn: turn + 1)
    }
    let starts = starts(of: turns)
    return zip(turns, starts).compactMap { turn, start in
      guard let start else { return nil }
      let end = end(of: turn, from: start)
      return start < end ? start..<end : nil
    }.sorted { $0.lowerBound < $1.lowerBound }
  }

  private func failure(_ turn: Int, _ reason: String) -> ChatTemplateError {
    .cannotLabel(turn: turn + 1, reason: reason)
  }
}

// MARK: - Beginnings

extension AnswerSpans {
  /// Where each turn begins; nil for an empty one that stands nowhere.
  private func starts(of turns: [Int]) -> [Int?] {
    if turns.count > Self.fewTurns {
      let found = turns.map(startAfterHead)
      if let first = turns.first, let last = turns.last, !found.contains(nil),
        found[0] == startAfterPrompt(first),
        found[found.count - 1] == startAfterPrompt(last)
      {
        return found
      }
    }
    return turns.map {
      startAfterPrompt($0) ?? startAfterHead(of: $0) ?? startWithinHead(of: $0) ?? startByText(of: $0)
    }
  }

  /// The byte before which no text of another message may stand in front of the turn's own, and the turn's first byte.
  private func room(before turn: Int) -> (lowest: Int, highest: Int) {
    let start = places[turn]?.lowerBound
    let others = places.filter { $0.key != turn && $0.value.upperBound <= start ?? .max }
    let earlier = start == nil ? others.filter { $0.key < turn } : others
    return (earlier.map(\.value.upperBound).max() ?? 0, start ?? text.utf8Count)
  }

  /// The conversation before a turn, as the model is asked for the turn; nil when the template refuses it.
  private func prompt(before turn: Int) -> TemplateText? {
    try? template.rendered(Array(messages[..<turn]), addGenerationPrompt: true, inputs: inputs)
  }

  /// Where the conversation before the turn ends, when the text continues it.
  private func startAfterPrompt(_ turn: Int) -> Int? {
    guard let prompt = prompt(before: turn), text.hasPrefix(prompt) else { return nil }
    let room = room(before: turn)
    let end = prompt.utf8Count
    guard end >= room.lowest, end <= room.highest else { return nil }
    return hasGenerationPrompt(after: turn, prompt) ? end : end + headLength(at: end)
  }

  /// Where the turn parts from a generation prompt that opens what it does not have, such as reasoning: between tokens.
  private func startWithinHead(of turn: Int) -> Int? {
    guard let head = template.markers?.answerHead, let prompt = prompt(before: turn) else { return nil }
    let room = room(before: turn)
    let shared = text.commonPrefix(with: prompt)
    let next = firstToken(from: shared)
    let start =
      next < tokens.count && tokens[next].start == shared ? shared : next > 0 ? tokens[next - 1].start : 0
    let lowest = max(prompt.utf8Count - head.utf8Count + 1, room.lowest)
    return start >= lowest && start <= room.highest ? start : nil
  }

  private func hasGenerationPrompt(after turn: Int, _ prompt: TemplateText) -> Bool {
    if let markers = template.markers { return !markers.answerHead.isEmpty }
    let asked = try? template.rendered(Array(messages[..<turn]), addGenerationPrompt: false, inputs: inputs)
    return asked != prompt
  }

  /// How many bytes the head of a turn that begins at `position` has, in templates without a generation prompt. White
  /// space before the answer belongs to the answer, and of a head that ends with one the last space.
  private func headLength(at position: Int) -> Int {
    guard let opening = template.markers?.answerOpening, !opening.isWhiteSpace,
      text.slice(from: position).hasPrefix(opening)
    else { return 0 }
    return opening.utf8Count - (opening.string.hasSuffix(" ") ? 1 : 0)
  }

  /// Where the generation prompt ends that stands in front of the turn's text, when there is exactly one.
  private func startAfterHead(of turn: Int) -> Int? {
    guard let head = template.markers?.answerHead, !head.isEmpty, places[turn] != nil else { return nil }
    let room = room(before: turn)
    let gap = text.slice(room.lowest..<room.highest).string
    let found = gap.ranges(of: head.string)
    return found.count == 1 ? room.lowest + gap[..<found[0].upperBound].utf8.count : nil
  }

  /// Where the turn's text begins, with the white space that the template writes before an answer.
  private func startByText(of turn: Int) -> Int? {
    guard let start = places[turn]?.lowerBound else { return nil }
    guard let markers = template.markers, markers.answerHead.isEmpty, let opening = markers.answerOpening
    else { return start }
    let gap = text.slice(room(before: turn).lowest..<start).string
    guard gap.hasSuffix(opening.string) else { return start }
    return start - (opening.isWhiteSpace ? opening.utf8Count : opening.string.hasSuffix(" ") ? 1 : 0)
  }
}

extension TemplateText {
  fileprivate var isWhiteSpace: Bool { string.allSatisfy(\.isWhitespace) }
}

// MARK: - Ends

extension AnswerSpans {
  /// Where the turn ends: behind its end-of-turn token, or else behind its text.
  private func end(of turn: Int, from start: Int) -> Int {
    let textEnd = max(places[turn]?.upperBound ?? start, start)
    let next = places.values.map(\.lowerBound).filter { $0 >= textEnd && $0 > start }.min() ?? text.utf8Count
    let range = textEnd..<next
    if let end = tokenEnd(in: range, isLast: false, where: { ends.contains($0) }) { return end }
    guard !ends.isEmpty else { return textEnd }
    // A turn that ends in another way, as one that calls a tool may: by what ends it when nothing follows.
    let through = Array(messages[...turn])
    guard let own = try? template.rendered(through, addGenerationPrompt: false, inputs: inputs) else {
      return textEnd
    }
    let shared = text.commonPrefix(with: own)
    guard shared > textEnd else { return textEnd }
    return tokenEnd(in: textEnd..<min(shared, next), isLast: true, where: tokenizer.isMarker) ?? textEnd
  }

  /// The end of the first or last token of a kind that lies in the range.
  private func tokenEnd(in range: Range<Int>, isLast: Bool, where isSuch: (Int32) -> Bool) -> Int? {
    var index = firstToken(from: range.lowerBound)
    var found: Int?
    while index < tokens.count, tokens[index].start < range.upperBound {
      if isSuch(tokens[index].id) {
        let end = index + 1 < tokens.count ? tokens[index + 1].start : text.utf8Count
        if end <= range.upperBound { found = end }
        if found != nil, !isLast { return found }
      }
      index += 1
    }
    return found
  }

  /// The first token that starts at `position` or later.
  private func firstToken(from position: Int) -> Int {
    var (low, high) = (0, tokens.count)
    while low < high {
      let middle = (low + high) / 2
      if tokens[middle].start < position { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// What a template marks by `{% generation %}`, without the turns that carry no label.
struct GeneratedSpans {
  let spans: [Range<Int>]

  /// - Throws: ``ChatTemplateError/cannotLabel(turn:reason:)`` when it cannot be told whose a block is
  init(_ text: TemplateText, _ messages: [ChatMessage], unlabelled: Set<Int>) throws {
    var blocks: [(range: Range<Int>, message: Int?)] = []
    for run in text.runs where run.isGenerated {
      let message = ChatOrigin.message(of: run.origin)
      if let last = blocks.last, last.range.upperBound == run.range.lowerBound,
        message == nil || last.message == nil || last.message == message
      {
        blocks[blocks.count - 1] = (last.range.lowerBound..<run.range.upperBound, last.message ?? message)
      } else {
        blocks.append((run.range, message))
      }
    }
    let answers = messages.indices.filter { messages[$0].role == "assistant" }
    if !unlabelled.isDisjoint(with: answers), blocks.contains(where: { $0.message == nil }) {
      guard blocks.count == answers.count else {
        throw ChatTemplateError.cannotLabel(
          turn: (unlabelled.min() ?? 0) + 1,
          reason: "it cannot be told which {% generation %} block is its own")
      }
      for (index, answer) in answers.enumerated() { blocks[index].message = blocks[index].message ?? answer }
    }
    spans = blocks.filter { block in block.message.map { !unlabelled.contains($0) } ?? true }.map(\.range)
  }
}
