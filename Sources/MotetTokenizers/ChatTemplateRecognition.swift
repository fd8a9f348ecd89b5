extension ChatTemplate {
  /// The ChatML template that `source`, a Jinja template as models ship it, spells out; its default system
  /// prompt is read from the text.
  ///
  /// Templates are recognised, not run: whoever writes tools, dates or reasoning into the conversation is
  /// refused rather than rendered almost right.
  ///
  /// - Throws: ``TokenizerError/unsupportedTemplate(reason:)`` with the first part that is not ChatML.
  public init(jinja source: String) throws {
    var pieces = ArraySlice(try JinjaPiece.pieces(of: source))
    func takes(_ code: String) throws -> Bool {
      guard pieces.first == .statement(try JinjaPiece.lexemes(code)) else { return false }
      pieces.removeFirst()
      return true
    }
    func expect(_ code: String) throws {
      guard try takes(code) else { throw Self.unexpected(pieces.first, wanted: "{% \(code) %}") }
    }
    func expect(_ piece: JinjaPiece, as shown: String) throws {
      guard pieces.first == piece else { throw Self.unexpected(pieces.first, wanted: shown) }
      pieces.removeFirst()
    }
    func systemPrompt(after condition: String) throws -> String? {
      guard try takes(condition) else { return nil }
      guard case .text(let text)? = pieces.popFirst(), let prompt = Self.systemPrompt(in: text) else {
        throw TokenizerError.unsupportedTemplate(reason: "the default system message is not one in ChatML")
      }
      try expect("endif")
      return prompt
    }

    if try takes("if not add_generation_prompt is defined") {
      try expect("set add_generation_prompt = false")
      try expect("endif")
    }
    try expect("for message in messages")
    let prompt = try systemPrompt(after: "if loop.first and messages[0]['role'] != 'system'")
    try expect(.text(Self.startOfTurn), as: Self.startOfTurn)
    try expect(.value(try JinjaPiece.lexemes("message['role']")), as: "{{ message['role'] }}")
    try expect(.text("\n"), as: "a newline after the role")
    try expect(.value(try JinjaPiece.lexemes("message['content']")), as: "{{ message['content'] }}")
    try expect(.text(Self.endOfTurn + "\n"), as: "\(Self.endOfTurn) and a newline")
    try expect("endfor")
    try expect("if add_generation_prompt")
    try expect(.text(Self.startOfTurn + Self.generationPrompt), as: Self.startOfTurn + "assistant")
    try expect("endif")
    if let piece = pieces.first { throw Self.unexpected(piece, wanted: "the end") }
    self.init(defaultSystemPrompt: prompt)
  }

  /// The prompt of a system turn that is written out in ChatML.
  private static func systemPrompt(in text: String) -> String? {
    let head = startOfTurn + "system\n"
    let tail = endOfTurn + "\n"
    guard text.hasPrefix(head), text.hasSuffix(tail), text.utf8.count >= head.utf8.count + tail.utf8.count
    else { return nil }
    let prompt = text.utf8.dropFirst(head.utf8.count).dropLast(tail.utf8.count)
    return String(Substring(prompt))
  }

  private static func unexpected(_ piece: JinjaPiece?, wanted: String) -> TokenizerError {
    func shown(_ lexemes: [JinjaPiece.Lexeme]) -> String {
      lexemes.map {
        switch $0 {
        case .word(let word): word
        case .string(let text): "'\(text)'"
        case .symbol(let symbol): String(symbol)
        }
      }.joined(separator: " ")
    }
    let found =
      switch piece {
      case nil: "the end"
      case .text(let text)?: "'\(text)'"
      case .value(let lexemes)?: "{{ \(shown(lexemes)) }}"
      case .statement(let lexemes)?: "{% \(shown(lexemes)) %}"
      }
    let line = found.split(whereSeparator: \.isNewline).joined(separator: "⏎")
    return .unsupportedTemplate(reason: "it has \(line.prefix(80)) where \(wanted) is expected")
  }
}
