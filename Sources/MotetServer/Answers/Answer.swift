import MotetServing

/// One answer, whole.
struct Answer: Sendable {
  var mix = ServedMix(terms: [])
  var text = ""
  var tokens: [ServedToken] = []
  var finish: FinishReason?
  var usage = ServingUsage(promptTokens: 0, completionTokens: 0)

  mutating func take(_ event: ServingEvent) {
    switch event {
    case .begun(let mix, _): self.mix = mix
    case .piece(let text, let tokens):
      self.text += text
      self.tokens += tokens
    case .ended(let reason, let usage):
      finish = reason
      self.usage = usage
    }
  }
}

extension AnswerStream {
  /// The answers of all requests, in their order.
  /// - Throws: ``APIError`` when one was cut
  func whole(count: Int) async throws -> [Answer] {
    var answers = Array(repeating: Answer(), count: count)
    for try await event in events { answers[event.choice].take(event.event) }
    guard answers.allSatisfy({ $0.finish != nil && $0.finish != .cancelled }) else { throw APIError.cut }
    return answers
  }
}

extension APIError {
  static let cut = APIError(
    .serviceUnavailable, "the answer was cut before its end; send the request again", type: "server_error",
    code: "cancelled")

  static func late(_ seconds: Double) -> APIError {
    APIError(
      .gatewayTimeout, "the answer took longer than the \(Int(seconds)) s that a request may take",
      type: "server_error",
      code: "timeout")
  }
}
