import MotetAdapters
import MotetModels
import MotetTensor

/// The mean loss of a set under a mix.
public struct NLL: Sendable, Codable, Equatable {
  /// Mean in nats over the response tokens and the end-of-turn tokens of the whole set.
  public var value: Double
  /// How many tokens that is.
  public var count: Int
  /// The same by row.
  public var byRow: [Double]
}

extension BaseModel {
  /// The NLL of `examples` under `mix`.
  /// - Parameters:
  ///   - heldToAnswer: with adapters as they are held to answer, in ``BaseModel/adapterForm``; else as they were trained
  ///   - onRows: told how many rows are done
  public func nll(
    of examples: [Example], mix: Mix = .base, heldToAnswer: Bool = false, onRows: (Int) -> Void = { _ in }
  ) async throws -> NLL {
    let bound = try heldToAnswer ? mix.boundForAnswers(to: self) : mix.bound(to: self)
    return try await nll(of: ExampleList(examples, digest: ""), mix: bound, onRows: onRows)
  }

  /// The same, as they were trained, for examples that are read as they are needed.
  public func nll(
    of source: any ExampleSource, mix: Mix = .base, onRows: (Int) -> Void = { _ in }
  ) async throws -> NLL {
    try await nll(of: source, mix: try mix.bound(to: self), onRows: onRows)
  }

  func nll(
    of source: any ExampleSource, mix: BoundMix, onRows: (Int) -> Void = { _ in }
  ) async throws -> NLL {
    var sums = [Double](repeating: 0, count: source.count)
    var counts = [Int](repeating: 0, count: source.count)
    var done = 0
    while done < source.count {
      try Task.checkCancellation()
      let part = try nextPart(of: source, from: done)
      let pass = Pass([PassPart(examples: part, mix: mix, scale: 1)])
      let losses = try self.losses(pass.rows, labels: pass.labels, on: tape(recording: false))
      for (owner, loss) in zip(pass.owners, losses) {
        sums[done + owner.example] += Double(loss)
        counts[done + owner.example] += 1
      }
      BufferPool.endStep()
      done += part.count
      onRows(done)
      await Task.yield()
    }
    let count = counts.reduce(0, +)
    return NLL(
      value: sums.reduce(0, +) / Double(max(1, count)), count: count,
      byRow: zip(sums, counts).map { $0 / Double(max(1, $1)) })
  }

  /// As many examples as one pass takes, at least one.
  private nonisolated func nextPart(of source: any ExampleSource, from start: Int) throws -> [Example] {
    var part = [try source.example(at: start)]
    var tokens = part[0].tokens.count
    for index in (start + 1)..<max(start + 1, source.count) {
      tokens += source.tokenCount(at: index)
      if tokens > 1024 { break }
      part.append(try source.example(at: index))
    }
    return part
  }

  /// Greedy answers to prompts of one turn, each under its own mix.
  public func answers(
    to prompts: [String], mixes: [Mix], maximumTokens: Int = 256, maximumRows: Int = 64
  ) async throws -> [String] {
    try await answers(
      toTokens: prompts.map { try promptTokens($0) }, mixes: bound(mixes), maximumTokens: maximumTokens,
      maximumRows: maximumRows
    ).map { tokenizer.decode($0, skippingSpecialTokens: true) }
  }

  /// The tokens of greedy answers, each under its own mix.
  /// - Parameters:
  ///   - prompts: the tokens of each, the head of the assistant's turn included
  ///   - onAnswer: told how many answers have begun
  func answers(
    toTokens prompts: [[Int32]], mixes: [BoundMix], maximumTokens: Int = 256, maximumRows: Int = 64,
    onAnswer: (Int) -> Void = { _ in }
  ) async throws -> [[Int32]] {
    let requests = zip(prompts, mixes).map {
      GenerationRequest(prompt: $0, mix: $1, maximumTokens: maximumTokens)
    }
    var begun = Set<Int>()
    return try await complete(requests, maximumRows: maximumRows) { request, _ in
      if begun.insert(request).inserted { onAnswer(begun.count) }
    }
  }

  /// Mixes as they are held to answer; each different one is bound once.
  func bound(_ mixes: [Mix]) throws -> [BoundMix] {
    var known: [Mix: BoundMix] = [:]
    return try mixes.map { mix in
      if let bound = known[mix] { return bound }
      let bound = try mix.boundForAnswers(to: self)
      known[mix] = bound
      return bound
    }
  }
}
