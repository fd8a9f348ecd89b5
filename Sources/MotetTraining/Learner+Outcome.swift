import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

extension Learner {
  /// What came of it: the weights of the last step, or the best ones where those are kept, or what an adapter
  /// that diverged was given back.
  func outcome(on base: BaseModel, fingerprint: String, setup: ComputeSetup) throws -> JobOutcome {
    let result: TrainingResult?
    if let bestParameters, let best = validations.last(where: \.isBest) {
      try take(bestParameters)
      result = try self.result(step: best.step, nll: bestNLL, base, fingerprint, setup)
    } else if case .diverged = status {
      result = try goodStep.map { try self.result(step: $0, nll: nil, base, fingerprint, setup) }
    } else {
      let nll = validations.last?.step == step ? lastNLL : nil
      result = try self.result(step: step, nll: nll, base, fingerprint, setup)
    }
    return JobOutcome(
      name: job.name, ending: ending, result: result, groups: groups(after: result?.evalAfter))
  }

  private var ending: JobOutcome.Ending {
    switch status {
    case .running: .stopped
    // Asked to stop within the last evaluation.
    case .completed: isOver ? .completed : .stopped
    case .stoppedEarly(let step): .stoppedEarly(step: step)
    case .diverged(let step): .diverged(step: step)
    }
  }

  /// Results by group, where a field of the validation rows tells groups.
  private func groups(after: NLL?) -> GroupReport? {
    guard let rows = job.validation as? TrainingData, let field = rows.groupField, let after else {
      return nil
    }
    return GroupReport(
      field: field, groups: (0..<rows.count).map { rows.group(at: $0) },
      labels: (0..<rows.count).map { rows.labelCount(at: $0) }, before: evalBefore, after: after)
  }

  private func result(
    step: Int, nll: NLL?, _ base: BaseModel, _ fingerprint: String, _ setup: ComputeSetup
  ) throws -> TrainingResult {
    let options = job.options
    let seconds = events.last?.seconds ?? 0
    var settings = job.settings
    settings["precision"] = base.precision.rawValue
    settings["threads"] = setup.threadsText
    settings["vector-level"] = setup.vectorLevel
    let weights = try adapter.weights()
    let overlaps = guidance.overlaps.compactMap { name, before -> OverlapResult? in
      let other = job.orthogonal?.adapters.first { $0.name == name }
      return other.flatMap { SubspaceOverlap(weights, $0.weights) }.map {
        OverlapResult(adapter: name, before: before.value, after: $0.value, chance: $0.chance)
      }
    }
    var metrics: [String: Double] = [:]
    for overlap in overlaps { metrics["overlap_\(overlap.adapter)"] = overlap.after }
    let record = AdapterRecord(
      motet: motetVersion, base: base.identity, dataHash: job.data.digest,
      training: TrainingRecord(
        method: type(of: job.method).name, steps: step, tokens: events.reduce(0) { $0 + $1.tokens },
        rows: job.data.count,
        epochs: options.epochs, seconds: seconds, loss: events.last?.loss, evalNLLBefore: evalBefore?.value,
        evalNLLAfter: nll?.value, learningRate: options.learningRate, seed: options.seed,
        settings: settings),
      metrics: metrics, parents: job.parent.map { [$0] } ?? [], standsOn: job.standsOnRecord)
    return TrainingResult(
      adapter: Adapter(name: job.name, weights: weights, record: record, standsOn: job.standsOn),
      trainableParameters: self.adapter.parameterCount, overlaps: overlaps, events: events,
      validations: validations, evalBefore: evalBefore, evalAfter: nll, seconds: seconds,
      wasStopped: !isOver, step: step, fingerprint: fingerprint)
  }
}
