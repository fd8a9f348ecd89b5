import MotetFormats
import MotetServing

/// How a request wants its answers: what all the routes that answer have in common, each reading it from its own names.
struct AnswerSettings: Sendable {
  /// nil: as many as the context holds.
  var maximumTokens: Int?
  var sampling = ServingSampling()
  var stopStrings: [String] = []
  var ignoresEnd = false
  var logprobs: Int?
  var format = OutputFormat.text
  /// Answers to each prompt.
  var choices = 1
  /// vLLM's `cache_salt`: only requests that give the same one share what was read of their prompts.
  var cacheSalt: String?

  /// The engine's requests for prompts `[prompts][tokens]`: the choices of the first prompt, then those of the next.
  /// - Throws: ``APIError`` for a prompt that does not fit
  func requests(
    id: String, prompts: [[Int32]], mix: MixChoice, context: Int, limits: ServerLimits, parameter: String
  ) throws -> [ServingRequest] {
    var requests: [ServingRequest] = []
    for prompt in prompts {
      guard !prompt.isEmpty else { throw APIError.invalid(parameter, "the prompt is empty; give some text") }
      let most = min(limits.promptTokens ?? context, context - 1)
      guard prompt.count <= most else {
        throw APIError.invalid(
          parameter,
          "the prompt has \(prompt.count) tokens, and at most \(most) are taken; send a shorter prompt",
          code: "context_length_exceeded")
      }
      let room = min(context - prompt.count, limits.answerTokens ?? context)
      for choice in 0..<choices {
        var sampling = sampling
        sampling.seed = sampling.seed.map { $0 &+ UInt64(choice) }
        var request = ServingRequest(
          id: requests.isEmpty ? id : "\(id)-\(requests.count)", prompt: prompt, mix: mix.mix,
          maximumTokens: min(maximumTokens ?? room, room), sampling: sampling, stopStrings: stopStrings,
          ignoresEnd: ignoresEnd, logprobs: logprobs, format: format, cacheSalt: cacheSalt.map { [$0] } ?? [])
        request.group = id
        requests.append(request)
      }
    }
    return requests
  }
}
