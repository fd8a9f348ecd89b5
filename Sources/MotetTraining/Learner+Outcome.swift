import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

extension Learner {
  /// What came of it: the weights of the last step, or the best ones where those are kept, or what an adapter
  /// that diverged was given back.
  func outcome(on base: BaseModel, fingerprint: String) throws -> JobOutcome {
    let ending: JobOutcome.Ending =
      switch status {
      case .running: .stopped
      case .completed: .completed
      case .stoppedEarly(let step): .stoppedEarly(step: step)
      case .diverged(let step): .diverged(step: step)
      }
    if let bestParameters, let best = validations.last(where: \.isBest) {
      for (parameter, bytes) in zip(adapter.parameters, bestParameters) { parameter.values.take(bytes) }
      return JobOutcome(
        name: job.name, ending: ending, result: try result(step: best.step, nll: bestNLL, base, fingerprint))
    }
    if case .diverged = status {
      return JobOutcome(
        name: job.name, ending: ending,
        result: try goodStep.map { try result(step: $0, nll: nil, base, fingerprint) })
    }
    let nll = validations.last?.step == step ? lastNLL : nil
    return JobOutcome(
      name: job.name, ending: ending, result: try result(step: step, nll: nll, base, fingerprint))
  }

  private func result(
    step: Int, nll: NLL?, _ base: BaseModel, _ fingerprint: String
  ) throws -> TrainingResult {
    let options = job.options
    let seconds = events.last?.seconds ?? 0
    var settings = job.identity()
    for key in ["data", "eval", "continue", "weights"] { settings[key] = nil }
    settings["precision"] = base.precision.rawValue
    let record = AdapterRecord(
      motet: motetVersion, base: base.identity, dataHash: job.data.digest,
      training: TrainingRecord(
        method: "lora", steps: step, tokens: events.reduce(0) { $0 + $1.tokens }, rows: job.data.count,
        epochs: options.epochs, seconds: seconds, loss: events.last?.loss, evalNLLBefore: evalBefore?.value,
        evalNLLAfter: nll?.value, learningRate: options.learningRate, seed: options.seed,
        settings: settings),
      parents: job.parent.map { [$0] } ?? [])
    return TrainingResult(
      adapter: Adapter(name: job.name, weights: try adapter.weights(), record: record), events: events,
      validations: validations, evalBefore: evalBefore, evalAfter: nll, seconds: seconds,
      wasStopped: isRunning, step: step, fingerprint: fingerprint)
  }
}
