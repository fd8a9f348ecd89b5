import MotetTemplates

extension ChatTemplate {
  /// The tokens of a conversation, as `apply_chat_template` of `transformers` gives them.
  ///
  /// Text of the conversation is encoded as plain text: `<|im_end|>` written by a user is ten characters and cannot end
  /// the turn, where `transformers` takes it for the special token. That holds for contents, names, arguments, tools and
  /// documents, and for whatever a template makes of them. Only roles such as `user` may be part of a special token, for
  /// templates that write `<|` + role + `|>`.
  ///
  /// - Throws: ``ChatTemplateError``
  public func tokens(
    _ messages: [ChatMessage], with tokenizer: Tokenizer, addGenerationPrompt: Bool,
    inputs: ChatInputs = ChatInputs()
  ) throws -> [Int32] {
    try requireMarkers(in: tokenizer)
    let text = try rendered(messages, addGenerationPrompt: addGenerationPrompt, inputs: inputs)
    return tokenizer.encode(text.parts(of: messages)).map(\.id)
  }

  /// The tokens of a conversation, and for each whether it carries a label.
  ///
  /// Labelled is what the model writes itself: the tokens of the assistant's turns and the end-of-turn token after each;
  /// not the head of the turn, nor the newline that follows its end. Where the template says by `{% generation %}` what
  /// that is, these tokens are labelled, as in `transformers` (`return_assistant_tokens_mask`). In other templates a turn
  ///
  /// - begins where the conversation before it ends, rendered with the generation prompt. When the conversation is not
  ///   continued that way, because the template leaves reasoning out of earlier turns or moves the system prompt, the
  ///   turn begins after the generation prompt that stands before its text, or else with the text itself;
  /// - ends with the end-of-turn token after its text: the special token that the template writes after an answer. A
  ///   template that writes none ends it with the text.
  ///
  /// A token that joins the end of the head with the start of the answer belongs to the head and is not labelled.
  ///
  /// - Parameter unlabelled: positions in `messages` of assistant turns that carry no label
  /// - Throws: ``ChatTemplateError``, ``ChatTemplateError/leftOut(turn:)`` and
  ///   ``ChatTemplateError/cannotLabel(turn:reason:)`` among them
  public func encode(
    _ messages: [ChatMessage], with tokenizer: Tokenizer, addGenerationPrompt: Bool,
    unlabelled: Set<Int> = [], inputs: ChatInputs = ChatInputs()
  ) throws -> (tokens: [Int32], labelled: [Bool]) {
    try requireMarkers(in: tokenizer)
    let text = try rendered(messages, addGenerationPrompt: addGenerationPrompt, inputs: inputs)
    let tokens = tokenizer.encode(text.parts(of: messages))
    let labels: [Bool]
    if hasGeneration {
      let spans = try GeneratedSpans(text, messages, unlabelled: unlabelled).spans
      labels = spans.overlapped(by: tokens, textEnd: text.utf8Count)
    } else {
      let turns = messages.indices.filter { messages[$0].role == "assistant" && !unlabelled.contains($0) }
      let spans = try AnswerSpans(self, messages, inputs, text, tokens, tokenizer).spans(of: turns)
      labels = spans.begun(by: tokens)
    }
    return (tokens.map(\.id), labels)
  }

  /// The special tokens that end an assistant's turn; none for templates that write no special token there.
  public func turnEnds(in tokenizer: Tokenizer) -> Set<Int32> {
    guard let markers else { return [] }
    func special(_ text: TemplateText) -> [Int32] {
      tokenizer.encode(text.parts(of: [])).map(\.id).filter(tokenizer.isMarker)
    }
    // Of several tokens without text between them the last ends the turn, if it does so within a conversation too.
    let tail = tokenizer.encode(markers.answerTail.parts(of: [])).map(\.id)
    let ending = tail.drop { !tokenizer.isMarker($0) }.prefix(while: tokenizer.isMarker)
    let within = special(markers.answerToUser)
    guard let end = ending.last(where: within.contains) ?? ending.last else { return [] }
    // Within a conversation it may be another token: one that ends a user's turn too and does not begin the next.
    guard let other = within.first, !ending.contains(other), other == special(markers.userToAnswer).first,
      other != special(markers.answerHead).first
    else { return [end] }
    return [end, other]
  }

  /// - Throws: ``ChatTemplateError/missingToken(_:)`` when what ends or begins a turn looks like a token, and the
  ///   vocabulary lacks it
  private func requireMarkers(in tokenizer: Tokenizer) throws {
    for marker in [markers?.startOfTurn, markers?.endOfTurn].compactMap(\.self)
    where marker.hasPrefix("<|") && marker.hasSuffix("|>") && marker.dropFirst(2).firstRange(of: "<|") == nil
    {
      guard tokenizer.id(of: marker) != nil else { throw ChatTemplateError.missingToken(marker) }
    }
  }
}

extension Tokenizer {
  /// Whether a token is a special one, or looks like one: some vocabularies hold `<|end|>` as an ordinary added token.
  func isMarker(_ id: Int32) -> Bool {
    if isSpecial(id) { return true }
    guard let token = token(id), token.utf8.count > 2 else { return false }
    return token.hasPrefix("<") && token.hasSuffix(">") || token.hasPrefix("[") && token.hasSuffix("]")
  }
}

extension TemplateText {
  /// The stretches for a tokenizer: special tokens are those that the template wrote.
  func parts(of messages: [ChatMessage]) -> [TextPart] {
    runs.map { run in
      var isTrusted = run.origin == .template
      if let index = ChatOrigin.roleMessage(of: run.origin) {
        // Roles of a probe, which has no messages here, are known ones.
        isTrusted = !messages.indices.contains(index) || ChatMessage.knownRoles.contains(messages[index].role)
      }
      return TextPart(slice(run.range).string, parsesSpecialTokens: isTrusted)
    }
  }
}

extension [Range<Int>] {
  /// Which tokens start within one of the ranges, which are in order.
  fileprivate func begun(by tokens: [PlacedToken]) -> [Bool] {
    var index = 0
    return tokens.map { token in
      while index < count, self[index].upperBound <= token.start { index += 1 }
      return index < count && self[index].lowerBound <= token.start
    }
  }

  /// Which tokens have a byte within one of the ranges, which are in order.
  fileprivate func overlapped(by tokens: [PlacedToken], textEnd: Int) -> [Bool] {
    var ends: [Int] = []
    var (end, next) = (textEnd, textEnd)
    for token in tokens.reversed() {
      // Tokens of one character start at the same byte and end at the same.
      if token.start < next { (end, next) = (next, token.start) }
      ends.append(end)
    }
    var index = 0
    return zip(tokens, ends.reversed()).map { token, end in
      while index < count, self[index].upperBound <= token.start { index += 1 }
      return index < count && self[index].lowerBound < end
    }
  }
}
