import MotetAdapters
import MotetModels
import MotetTokenizers

/// How many greedy answers are right, each under its row's mix.
public struct ExactMatch: Sendable, Codable, Equatable {
  /// The share of right answers.
  public var value: Double
  /// Rows that were asked.
  public var count: Int
  /// Wrong answers that had reached the most tokens and might have gone on.
  public var cut: Int

  /// Whether an answer is the same as one of `accepted`, white space and case apart.
  public static func accepts(_ answer: String, among accepted: [String]) -> Bool {
    func plain(_ text: String) -> [Substring] { text.lowercased().split(whereSeparator: \.isWhitespace) }
    let words = plain(answer)
    return accepted.contains { plain($0) == words }
  }
}

extension BaseModel {
  /// Asks every row for its last assistant turn, with all turns before it, and compares.
  /// - Parameter mixes: one for each row
  /// - Throws: ``DatasetError/malformed(file:line:problem:)`` for a row without a response, or without a turn before
  ///   it, or whose turns leave no room for an answer
  public func exactMatch(
    of set: Dataset, mixes: [Mix], maximumTokens: Int = 256, onAnswer: (Int) -> Void = { _ in }
  ) async throws -> ExactMatch {
    let bound = try bound(mixes)
    let prompts = try zip(set.rows, bound).map { try promptTokens($0, mix: $1, file: set.name) }
    let answers = try await answers(
      toTokens: prompts, mixes: bound, maximumTokens: maximumTokens, onAnswer: onAnswer)
    var (right, cut) = (0, 0)
    for (row, answer) in zip(set.rows, answers) {
      let text = tokenizer.decode(answer, skippingSpecialTokens: true)
      if ExactMatch.accepts(text, among: row.answers) {
        right += 1
      } else if answer.count >= maximumTokens {
        cut += 1
      }
    }
    return ExactMatch(
      value: Double(right) / Double(max(1, answers.count)), count: answers.count, cut: cut)
  }

  /// The tokens that ask for a row's last assistant turn.
  private func promptTokens(_ row: DatasetRow, mix: BoundMix, file: String) throws -> [Int32] {
    let turns = try row.askedTurns(file: file)
    let tokens =
      template == nil && turns.count == 1
      ? try promptTokens(turns[0].content) : try self.tokens(asking: turns)
    let room = configuration.maximumPositions - mix.virtualTokens
    guard tokens.count < room else {
      throw DatasetError.malformed(
        file: file, line: row.line,
        problem:
          "the \(tokens.count) tokens before its response leave no room for an answer in the model's context of "
          + "\(room)")
    }
    return tokens
  }
}

extension Dataset {
  /// Refuses rows that exact-match cannot ask, before a model is loaded.
  /// - Throws: ``DatasetError/malformed(file:line:problem:)``
  public func checkAnswers() throws {
    for row in rows { _ = try row.askedTurns(file: name) }
  }
}

extension DatasetRow {
  /// The turns that ask for the last assistant turn.
  fileprivate func askedTurns(file: String) throws -> [ChatMessage] {
    func refused(_ problem: String) -> DatasetError { .malformed(file: file, line: line, problem: problem) }
    guard let turns = turnsBeforeAnswer else {
      throw refused("it has no response to compare an answer with; exact-match takes rows with one")
    }
    guard turns.contains(where: { $0.content.contains { !$0.isWhitespace } }) else {
      throw refused("nothing stands before its response, so that there is nothing to answer")
    }
    return turns
  }
}
