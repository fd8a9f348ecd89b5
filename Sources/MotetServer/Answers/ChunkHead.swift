import MotetFormats

/// What the chunks of one of OpenAI's streams begin with.
struct ChunkHead {
  /// `chat.completion.chunk`
  let object: String

  /// A chunk's members before its choices.
  func members(_ job: AnswerJob) -> [String: JSONValue] {
    [
      "id": .string(job.id), "object": .string(object), "created": .int(job.created),
      "model": .string(job.model),
    ]
  }

  /// The last chunk of a stream that tells its usage: no choices, and what all answers took.
  func usage(_ answers: [Answer], _ job: AnswerJob) -> JSONValue {
    var chunk = members(job)
    chunk["choices"] = []
    chunk["usage"] = UsageTotal(answers, choices: job.choices).json
    return .object(chunk)
  }
}
