import Foundation
import MotetModels
import MotetTensor

/// What a run will take, before it is begun.
public struct RunEstimate: Sendable, Equatable, Codable {
  public struct Job: Sendable, Equatable, Codable {
    public var name: String
    /// Values that are trained.
    public var parameters: Int
    /// Of the base's values.
    public var share: Double
    public var rows: Int
    public var steps: Int
    /// Over all epochs.
    public var tokens: Int
  }

  public var jobs: [Job]
  /// Forward and backward, as measured on the first rows.
  public var tokensPerSecond: Double
  public var seconds: Double
  /// Resident memory at its peak.
  public var peakBytes: Int
}

extension TrainingRun {
  /// Times passes over the first rows, forward and backward, and counts the rest. Nothing is trained or written.
  /// - Throws: what ``train(onEvent:)`` throws before its first step
  @Compute
  public func estimate() async throws -> RunEstimate {
    try validate()
    let learners = try jobs.map { try Learner($0, on: base) }
    let parts = try learners.enumerated().flatMap { try $1.nextParts(limit: tokensPerPass, owner: $0) }
    let speed = try tokensPerSecond(
      of: Array(Pass.pack(parts, limit: tokensPerPass).prefix(2)), teachers: learners.map(\.guidance.teacher))
    var seconds = 0.0
    var rows: [RunEstimate.Job] = []
    for learner in learners {
      let tokens = epochTokens(learner.job.data, seed: learner.job.options.seed)
      let trained = Int(Double(tokens) * learner.job.options.epochs)
      rows.append(
        RunEstimate.Job(
          name: learner.job.name, parameters: learner.adapter.parameterCount,
          share: Double(learner.adapter.parameterCount) / Double(base.parameterCount),
          rows: learner.job.data.count, steps: learner.steps, tokens: trained))
      // An evaluation goes forward only: half the work.
      let evaluated = learner.evaluations * (learner.job.validation.map(tokens(of:)) ?? 0)
      seconds += (Double(trained) + Double(evaluated) / 2) / speed
    }
    // What the passes above have not touched: the best weights, and the copy of one adapter while it is saved. A
    // checkpoint is written from where the numbers lie.
    let best = learners.reduce(0) { sum, learner in
      sum + (learner.job.options.keep == .best ? 4 * learner.adapter.parameterCount : 0)
    }
    let copy = learners.map { 4 * $0.adapter.parameterCount }.max()
    let extra = best + (copy ?? 0)
    return RunEstimate(
      jobs: rows, tokensPerSecond: speed, seconds: seconds, peakBytes: peakResidentBytes() + extra)
  }

  /// The first pass over them packs the base for going back, and is not counted.
  @Compute
  private func tokensPerSecond(of passes: [[PassPart]], teachers: [BoundTeacher?]) throws -> Double {
    var tokens = 0
    var seconds = 0.0
    for (round, pass) in ([passes.first ?? []] + passes).enumerated() {
      let began = ContinuousClock.now
      _ = try gatherGradients(pass, teachers: teachers)
      BufferPool.endStep()
      if round == 0 { continue }
      seconds += (ContinuousClock.now - began).inSeconds
      tokens += pass.reduce(0) { $0 + $1.tokens }
    }
    return max(1, Double(tokens)) / max(seconds, 1e-9)
  }

  private nonisolated func epochTokens(_ source: any ExampleSource, seed: UInt64) -> Int {
    var generator = SeededGenerator(seed: seed, for: "order")
    return source.epochOrder(using: &generator, shuffled: false).reduce(0) { $0 + source.tokenCount(at: $1) }
  }

  private nonisolated func tokens(of source: any ExampleSource) -> Int {
    (0..<source.count).reduce(0) { $0 + source.tokenCount(at: $1) }
  }
}
