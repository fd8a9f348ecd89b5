import MotetTokenizers

/// Turns texts of requests into tokens, and refuses those that cannot fit before it does.
struct PromptEncoder: Sendable {
  let tokenizer: Tokenizer
  let template: ChatTemplate?
  let lane: WorkLane
  /// Tokens that a text may have.
  let most: Int

  /// Tokens that a template adds to each message, at the least.
  private static let tokensOfMessage = 2

  /// - Throws: ``APIError`` for texts that together have more tokens than are taken, whatever these are
  func requireRoom(for texts: some Sequence<String>, parameter: String) throws {
    var bytes = 0
    var tokens = 0
    for text in texts {
      bytes += text.utf8.count
      tokens += tokenizer.fewestTokens(in: text)
    }
    guard tokens <= most else {
      throw APIError.invalid(
        parameter,
        "the prompt has \(bytes) bytes, which are at least \(tokens) tokens, and at most \(most) are taken; send a shorter prompt",
        code: "context_length_exceeded")
    }
  }

  /// - Throws: ``APIError``, `CancellationError`
  func encode(_ text: String, parameter: String) async throws -> [Int32] {
    try requireRoom(for: [text], parameter: parameter)
    let tokenizer = tokenizer
    return try await lane.run { tokenizer.beginning + tokenizer.encode(text) }
  }

  /// - Throws: ``APIError``, `CancellationError`
  func encode(
    _ messages: [ChatMessage], addGenerationPrompt: Bool, parameter: String
  ) async throws -> [Int32] {
    guard let template else {
      throw APIError.invalid(
        parameter,
        "the model has no chat template: send a text to /v1/completions, or start the server with --chat-template",
        code: "no_chat_template")
    }
    guard messages.count * Self.tokensOfMessage <= most else {
      throw APIError.invalid(
        parameter,
        "\(messages.count) messages are more than \(most) tokens, the most that are taken; send fewer",
        code: "context_length_exceeded")
    }
    try requireRoom(for: messages.lazy.map(\.content), parameter: parameter)
    let tokenizer = tokenizer
    do {
      return try await lane.run {
        try template.tokens(messages, with: tokenizer, addGenerationPrompt: addGenerationPrompt)
      }
    } catch let error as ChatTemplateError {
      throw APIError.invalid(parameter, "\(error)", code: "chat_template")
    }
  }
}

extension ServerParts {
  /// Work on a request before it is handed to the engine: ended when its client goes, given up after a time.
  func prepare<T: Sendable>(
    _ context: ServerContext, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    let seconds = limits.preparationSeconds
    return try await watch.whileConnected(context.connection) {
      try await within(seconds: seconds, else: APIError.unprepared(seconds), body)
    }
  }
}

extension APIError {
  fileprivate static func unprepared(_ seconds: Double) -> APIError {
    APIError(
      .serviceUnavailable,
      "the request was not read within \(seconds) s: the server is busy with long ones; try again",
      type: "server_error",
      code: "timeout", headers: [.retryAfter: "5"])
  }
}
