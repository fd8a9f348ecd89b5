import MotetFormats
import MotetServing

/// Answers as llama.cpp's `/completion` writes them.
struct LlamaShape: EventShape {
  let endsWithDone = false

  func whole(_ answer: Answer, _ job: AnswerJob) -> JSONValue { end(answer, answer.text, job) }

  func opening(_ running: RunningJob) -> [JSONValue] { [] }

  func values(for event: AnswerStream.Event, _ running: RunningJob) -> [JSONValue] {
    guard case .piece(let text, let tokens) = event.event else { return [] }
    return [
      [
        "content": .string(text), "stop": false, "index": 0,
        "tokens": .array(tokens.map { .int(Int($0.id)) }),
      ]
    ]
  }

  func closing(_ answers: [Answer], _ running: RunningJob) -> [JSONValue] {
    [end(answers[0], "", running.job)]
  }

  private func end(_ answer: Answer, _ text: String, _ job: AnswerJob) -> JSONValue {
    let usage = answer.usage
    let reading = max(usage.firstTokenSeconds - usage.queueSeconds, 1e-9)
    let writing = max(usage.seconds - usage.firstTokenSeconds, 1e-9)
    return [
      "content": .string(text), "stop": true, "index": 0, "id": .string(job.id), "model": .string(job.model),
      "tokens_evaluated": .int(usage.promptTokens), "tokens_predicted": .int(usage.completionTokens),
      "tokens_cached": .int(usage.cachedTokens), "truncated": false,
      "stop_type": answer.finish == .length ? "limit" : usage.stopString == nil ? "eos" : "word",
      "stopping_word": .string(usage.stopString ?? ""),
      "timings": [
        "prompt_n": .int(usage.promptTokens), "prompt_ms": .number(reading * 1000),
        "prompt_per_second": .number(Double(usage.promptTokens) / reading),
        "predicted_n": .int(usage.completionTokens), "predicted_ms": .number(writing * 1000),
        "predicted_per_second": .number(Double(usage.completionTokens) / writing),
      ],
      "motet": MotetFacts(
        mix: answer.mix, cachedTokens: usage.cachedTokens, usage: usage, route: job.choice.route
      ).json,
    ]
  }
}
