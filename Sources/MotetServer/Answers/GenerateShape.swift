import MotetFormats
import MotetServing
import MotetTokenizers

/// Answers as LoRAX writes them: a token an event, the whole text in the last one.
struct GenerateShape: EventShape {
  let request: GenerateRequest
  let tokenizer: Tokenizer
  let endsWithDone = false
  let errorShape = ErrorShape.loRAX

  func whole(_ answer: Answer) -> JSONValue {
    var members: [String: JSONValue] = ["generated_text": .string(request.echo + answer.text)]
    members["details"] = request.tellsDetails ? .object(details(answer, withTokens: true)) : .null
    return .object(members)
  }

  func opening(_ running: RunningJob) -> [JSONValue] { [] }

  func values(for event: AnswerStream.Event, _ running: RunningJob) -> [JSONValue] {
    guard case .piece(let text, let tokens) = event.event else { return [] }
    // A piece is whole characters; when several tokens make one, its text stands with the last.
    return tokens.enumerated().map { index, token in
      [
        "token": self.token(token, text: index == tokens.count - 1 ? text : ""), "generated_text": nil,
        "details": nil,
      ]
    }
  }

  func closing(_ answers: [Answer], _ running: RunningJob) -> [JSONValue] {
    [
      [
        "token": answers[0].tokens.last.map { token($0, text: "") } ?? .null,
        "generated_text": .string(request.echo + answers[0].text),
        "details": .object(details(answers[0], withTokens: false)),
      ]
    ]
  }

  private func details(_ answer: Answer, withTokens: Bool) -> [String: JSONValue] {
    var details: [String: JSONValue] = [
      "finish_reason": answer.finish == .length
        ? "length" : answer.usage.stopString == nil ? "eos_token" : "stop_sequence",
      "prompt_tokens": .int(answer.usage.promptTokens),
      "generated_tokens": .int(answer.usage.completionTokens),
      "seed": request.job.requests[0].sampling.seed.flatMap { Int(exactly: $0) }.map(JSONValue.int) ?? .null,
      "motet": MotetFacts(
        mix: answer.mix, cachedTokens: answer.usage.cachedTokens, usage: answer.usage,
        route: request.job.choice.route
      ).json,
    ]
    if withTokens {
      details["prefill"] = []
      details["tokens"] = .array(answer.tokens.map { token($0, text: tokenizer.decode([$0.id])) })
    }
    return details
  }

  private func token(_ token: ServedToken, text: String) -> JSONValue {
    [
      "id": .int(Int(token.id)), "text": .string(text), "logprob": .logprob(token.logprob ?? 0),
      "special": .bool(tokenizer.isSpecial(token.id)),
    ]
  }
}
