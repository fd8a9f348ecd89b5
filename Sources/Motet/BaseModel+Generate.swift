import MotetAdapters
import MotetModels
import MotetTokenizers
import MotetTraining

extension BaseModel {
  /// An answer piece by piece, in whole characters.
  ///
  ///     for try await piece in base.generate("What is 3/4 of 12?", mix: [math: 1]) { print(piece) }
  /// - Throws: through the sequence, ``ModelError`` for a prompt that is empty or does not fit
  public nonisolated func generate(
    _ prompt: String, mix: Mix = .base, maximumTokens: Int = 256, sampling: Sampling = .greedy
  ) -> AsyncThrowingStream<String, any Error> {
    generate(mix, maximumTokens, sampling) { try self.promptTokens(prompt) }
  }

  /// The same for a conversation.
  public nonisolated func generate(
    _ conversation: [ChatMessage], mix: Mix = .base, maximumTokens: Int = 256, sampling: Sampling = .greedy
  ) -> AsyncThrowingStream<String, any Error> {
    generate(mix, maximumTokens, sampling) { try self.tokens(asking: conversation) }
  }

  private nonisolated func generate(
    _ mix: Mix, _ maximumTokens: Int, _ sampling: Sampling, prompt: @escaping @Sendable () throws -> [Int32]
  ) -> AsyncThrowingStream<String, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task { @Compute in
        do {
          var decoder = StreamingDecoder(tokenizer, skippingSpecialTokens: true)
          let request = GenerationRequest(
            prompt: try prompt(), mix: try mix.boundForAnswers(to: self), maximumTokens: maximumTokens,
            sampling: sampling)
          _ = try await complete([request]) { _, token in
            let piece = decoder.append(token)
            if !piece.isEmpty { continuation.yield(piece) }
          }
          let rest = decoder.finish()
          if !rest.isEmpty { continuation.yield(rest) }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }
}
