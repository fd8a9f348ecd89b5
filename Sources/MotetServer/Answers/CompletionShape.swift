import MotetFormats
import MotetServing
import MotetTokenizers

/// Answers as `/v1/completions` writes them.
struct CompletionShape: EventShape {
  let tokenizer: Tokenizer
  let tellsLogprobs: Bool
  let tellsUsage: Bool
  /// The prompts, where they stand before their answers.
  let echoes: [String]
  let endsWithDone = true
  /// Characters of each answer that were sent, for `text_offset`.
  private var sent: [Int: Int] = [:]

  init(tokenizer: Tokenizer, tellsLogprobs: Bool, tellsUsage: Bool, echoes: [String]) {
    self.tokenizer = tokenizer
    self.tellsLogprobs = tellsLogprobs
    self.tellsUsage = tellsUsage
    self.echoes = echoes
  }

  func whole(_ job: AnswerJob, _ answers: [Answer]) -> JSONValue {
    let choices = answers.enumerated().map { index, answer in
      choice(
        index, text: echo(index, job) + answer.text, logprobs: logprobs(answer.tokens, from: 0),
        finish: answer.finish)
    }
    var members = chunkHead.members(job)
    members["choices"] = .array(choices)
    members["usage"] = UsageTotal(answers, choices: job.choices).json
    members["motet"] =
      MotetFacts(
        mix: answers[0].mix, cachedTokens: answers[0].usage.cachedTokens, usage: answers[0].usage,
        route: job.choice.route
      ).json
    return .object(members)
  }

  private func echo(_ index: Int, _ job: AnswerJob) -> String {
    echoes.isEmpty ? "" : echoes[index / job.choices]
  }

  func opening(_ running: RunningJob) -> [JSONValue] {
    running.job.requests.indices.map { index in
      var chunk = chunk(
        running.job, choice(index, text: echo(index, running.job), logprobs: nil, finish: nil))
      if index == 0 {
        chunk["motet"] =
          MotetFacts(mix: running.mix, cachedTokens: running.cachedTokens, route: running.job.choice.route)
          .json
      }
      return .object(chunk)
    }
  }

  mutating func values(for event: AnswerStream.Event, _ running: RunningJob) -> [JSONValue] {
    switch event.event {
    case .begun: return []
    case .piece(let text, let tokens):
      let place = sent[event.choice, default: 0]
      sent[event.choice] = place + text.unicodeScalars.count
      let choice = choice(event.choice, text: text, logprobs: logprobs(tokens, from: place), finish: nil)
      return [.object(chunk(running.job, choice))]
    case .ended(let reason, _):
      guard reason != .cancelled else { return [] }
      return [.object(chunk(running.job, choice(event.choice, text: "", logprobs: nil, finish: reason)))]
    }
  }

  func closing(_ answers: [Answer], _ running: RunningJob) -> [JSONValue] {
    tellsUsage ? [chunkHead.usage(answers, running.job)] : []
  }

  private var chunkHead: ChunkHead { ChunkHead(object: "text_completion") }

  private func chunk(_ job: AnswerJob, _ choice: JSONValue) -> [String: JSONValue] {
    var chunk = chunkHead.members(job)
    chunk["choices"] = [choice]
    if tellsUsage { chunk["usage"] = .null }
    return chunk
  }

  private func choice(_ index: Int, text: String, logprobs: JSONValue?, finish: FinishReason?) -> JSONValue {
    [
      "index": .int(index), "text": .string(text), "logprobs": logprobs ?? .null,
      "finish_reason": finish.map { .string($0.rawValue) } ?? .null,
    ]
  }

  /// `{"tokens", "token_logprobs", "top_logprobs", "text_offset"}`, offsets in code points of the answer.
  private func logprobs(_ tokens: [ServedToken], from start: Int) -> JSONValue {
    guard tellsLogprobs else { return nil }
    var offset = start
    var offsets: [JSONValue] = []
    for token in tokens {
      offsets.append(.int(offset))
      offset += tokenizer.decode([token.id]).unicodeScalars.count
    }
    return [
      "tokens": .array(tokens.map { .string(tokenizer.decode([$0.id])) }),
      "token_logprobs": .array(tokens.map { .logprob($0.logprob ?? 0) }),
      "top_logprobs": .array(
        tokens.map { token in
          .object(
            Dictionary(token.alternatives.map { (tokenizer.decode([$0.id]), .logprob($0.logprob)) }) {
              first, _ in first
            })
        }), "text_offset": .array(offsets),
    ]
  }
}
