import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

extension Comparison {
  /// Measures a saved adapter, unless that is done: what was forgotten, and the time of a token.
  @Compute
  func measure(
    _ job: TrainingJob, in result: inout ComparisonTable, _ onEvent: @Compute (Event) -> Void
  ) async throws {
    guard let index = result.rows.firstIndex(where: { $0.name == job.name }),
      result.rows[index].stage == .trained
    else { return }
    onEvent(.measuring(job.name))
    let prompt = try prompt(of: job)
    do {
      if result.base.secondsPerToken == nil {
        result.base.secondsPerToken = try await base.secondsPerToken(
          after: prompt, mix: .base, tokens: tokens)
      }
      try await measure(job, after: prompt, into: &result.rows[index])
    } catch let error as CancellationError {
      throw error
    } catch {
      // What was trained stays so: the next call measures again.
      result.rows[index].failure = "\(error)"
      onEvent(.failed(job.name, reason: "\(error)"))
    }
    BufferPool.trim()
    try keep(result)
  }

  @Compute
  private func measure(_ job: TrainingJob, after prompt: [Int32], into row: inout ComparisonRow) async throws
  {
    let mix = Mix(try Adapter.load(place(of: job), name: job.name, for: base))
    let bound = try mix.bound(to: base)
    row.plainNLL = try await base.nll(of: plain, mix: bound).value
    row.secondsPerToken = try await base.secondsPerToken(after: prompt, mix: bound, tokens: tokens)
    do {
      try mix.require(.fuse)
      row.secondsPerMergedToken = try await secondsPerMergedToken(mix, after: prompt)
    } catch let error as MethodError {
      guard case .refused(_, _, _, let reason) = error else { throw error }
      row.mergeRefusal = reason
    } catch let error as FuseError {
      row.mergeRefusal = "\(error)"
    }
    row.stage = .measured
    row.failure = nil
  }

  /// Of a model with the mix in its weights, in the base's own precision. It is written beside the adapters, not where
  /// temporary files may be memory, and is gone afterwards.
  @Compute
  private func secondsPerMergedToken(_ mix: Mix, after prompt: [Int32]) async throws -> Double? {
    let place = fusedFolder
    defer { ModelFolder(place).remove() }
    // bf16 takes the same bits from either.
    try FusedModel(base, mix: mix).write(
      to: place, type: base.precision == .bf16 ? .bf16 : .f32, overwriting: true)
    let fused = try await BaseModel.load(
      HuggingFaceFolder(place), name: base.name, precision: base.precision)
    return try await fused.secondsPerToken(after: prompt, mix: .base, tokens: tokens)
  }

  /// What comes before the response of the first validation row.
  private func prompt(of job: TrainingJob) throws -> [Int32] {
    guard let example = try job.validation?.example(at: 0) else { return [0] }
    let end = example.labelled.firstIndex(of: true) ?? example.tokens.count
    return Array(example.tokens.prefix(max(1, min(end, base.configuration.maximumPositions / 2))))
  }
}

extension BaseModel {
  /// The median time from one generated token to the next, after a few that do not count. The prompt's own pass is not
  /// in it.
  func secondsPerToken(after prompt: [Int32], mix: BoundMix, tokens: Int) async throws -> Double? {
    func generate(_ count: Int) async throws -> [ContinuousClock.Instant] {
      var times: [ContinuousClock.Instant] = []
      let request = GenerationRequest(prompt: prompt, mix: mix, maximumTokens: count, ignoresEnd: true)
      _ = try await complete([request]) { _, _ in times.append(.now) }
      return times
    }
    _ = try await generate(4)
    let times = try await generate(tokens)
    return median(zip(times, times.dropFirst()).map { ($1 - $0).inSeconds })
  }
}
