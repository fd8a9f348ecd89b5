import Motet

/// An answer, and how it ended.
struct ChatAnswer: Sendable {
  enum Ending: Sendable, Equatable {
    case whole
    /// By Ctrl-C.
    case stopped
    /// It has as many tokens as `--max-tokens` allows.
    case full
    /// The context is full.
    case outOfContext
  }

  var text: String
  var ending: Ending
}

extension BaseModel {
  /// Answers a conversation piece by piece. A cancelled task ends the answer with what there is.
  nonisolated func chat(
    _ messages: [ChatMessage], mix: Mix, maximumTokens: Int, sampling: Sampling,
    onPiece: @escaping @Sendable (String) -> Void
  ) async throws -> ChatAnswer {
    try await Compute.run {
      let prompt = try self.tokens(asking: messages)
      let bound = try mix.boundForAnswers(to: self)
      var decoder = StreamingDecoder(self.tokenizer, skippingSpecialTokens: true)
      var answer = ChatAnswer(text: "", ending: .whole)
      func tell(_ piece: String) {
        if piece.isEmpty { return }
        answer.text += piece
        onPiece(piece)
      }
      do {
        let request = GenerationRequest(
          prompt: prompt, mix: bound, maximumTokens: maximumTokens, sampling: sampling)
        let tokens = try await self.complete([request]) { _, token in tell(decoder.append(token)) }[0].count
        if tokens >= maximumTokens {
          answer.ending = .full
        } else if bound.virtualTokens + prompt.count + tokens >= self.configuration.maximumPositions {
          answer.ending = .outOfContext
        }
      } catch is CancellationError {
        answer.ending = .stopped
      }
      tell(decoder.finish())
      return answer
    }
  }
}
