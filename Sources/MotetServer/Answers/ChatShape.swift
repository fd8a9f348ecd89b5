import MotetFormats
import MotetServing
import MotetTokenizers

/// Answers as `/v1/chat/completions` writes them.
struct ChatShape: EventShape {
  let tokenizer: Tokenizer
  let tellsLogprobs: Bool
  let tellsUsage: Bool
  let endsWithDone = true

  func whole(_ job: AnswerJob, _ answers: [Answer]) -> JSONValue {
    let choices = answers.enumerated().map { index, answer -> JSONValue in
      [
        "index": .int(index), "finish_reason": .string(answer.finish?.rawValue ?? "stop"),
        "message": ["role": "assistant", "content": .string(answer.text), "refusal": nil],
        "logprobs": logprobs(answer.tokens),
      ]
    }
    return [
      "id": .string(job.id), "object": "chat.completion", "created": .int(job.created),
      "model": .string(job.model),
      "choices": .array(choices), "usage": UsageTotal(answers, choices: job.choices).json,
      "motet": MotetFacts(
        mix: answers[0].mix, cachedTokens: answers[0].usage.cachedTokens, usage: answers[0].usage,
        route: job.choice.route
      ).json,
    ]
  }

  func opening(_ running: RunningJob) -> [JSONValue] {
    running.job.requests.indices.map { index in
      var chunk = chunk(
        running.job, index: index, delta: ["role": "assistant", "content": ""], logprobs: nil, finish: nil)
      if index == 0 {
        chunk["motet"] =
          MotetFacts(mix: running.mix, cachedTokens: running.cachedTokens, route: running.job.choice.route)
          .json
      }
      return .object(chunk)
    }
  }

  func values(for event: AnswerStream.Event, _ running: RunningJob) -> [JSONValue] {
    switch event.event {
    case .begun: []
    case .piece(let text, let tokens):
      [
        .object(
          chunk(
            running.job, index: event.choice, delta: ["content": .string(text)], logprobs: logprobs(tokens),
            finish: nil))
      ]
    case .ended(let reason, _) where reason != .cancelled:
      [.object(chunk(running.job, index: event.choice, delta: [:], logprobs: nil, finish: reason))]
    case .ended: []
    }
  }

  func closing(_ answers: [Answer], _ running: RunningJob) -> [JSONValue] {
    tellsUsage ? [chunkHead.usage(answers, running.job)] : []
  }

  private var chunkHead: ChunkHead { ChunkHead(object: "chat.completion.chunk") }

  private func chunk(
    _ job: AnswerJob, index: Int, delta: JSONValue, logprobs: JSONValue?, finish: FinishReason?
  ) -> [String: JSONValue] {
    var chunk = chunkHead.members(job)
    chunk["choices"] = [
      [
        "index": .int(index), "delta": delta, "logprobs": logprobs ?? .null,
        "finish_reason": finish.map { .string($0.rawValue) } ?? .null,
      ]
    ]
    if tellsUsage { chunk["usage"] = .null }
    return chunk
  }

  /// `{"content": [{"token", "logprob", "bytes", "top_logprobs"}]}`
  private func logprobs(_ tokens: [ServedToken]) -> JSONValue {
    guard tellsLogprobs else { return nil }
    return [
      "content": .array(
        tokens.map { token in
          var entry = entry(token.id, token.logprob ?? 0)
          entry["top_logprobs"] = .array(token.alternatives.map { .object(self.entry($0.id, $0.logprob)) })
          return .object(entry)
        }), "refusal": nil,
    ]
  }

  private func entry(_ id: Int32, _ logprob: Float) -> [String: JSONValue] {
    [
      "token": .string(tokenizer.decode([id])), "logprob": .logprob(logprob),
      "bytes": .array(tokenizer.bytes(of: id).map { .int(Int($0)) }),
    ]
  }
}

extension JSONValue {
  /// A log-probability; one of a token that cannot come is as OpenAI writes it, for JSON has no infinity.
  static func logprob(_ value: Float) -> JSONValue {
    value.isFinite ? .double(Double(value)) : .double(-9999)
  }
}
