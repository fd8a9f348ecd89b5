import MotetFormats

/// Tokens of all answers of a request: a prompt counts once, however many answers it has.
struct UsageTotal {
  var prompt = 0
  var completion = 0
  var cached = 0

  init(_ answers: [Answer], choices: Int) {
    for (index, answer) in answers.enumerated() {
      completion += answer.usage.completionTokens
      guard index % choices == 0 else { continue }
      prompt += answer.usage.promptTokens
      cached += answer.usage.cachedTokens
    }
  }

  var json: JSONValue {
    [
      "prompt_tokens": .int(prompt), "completion_tokens": .int(completion),
      "total_tokens": .int(prompt + completion),
      "prompt_tokens_details": ["cached_tokens": .int(cached)],
    ]
  }
}
