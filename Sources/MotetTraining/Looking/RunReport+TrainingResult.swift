import MotetModels

extension RunReport {
  /// The page of a run that trained one adapter.
  /// - Parameter peakBytes: resident memory at its highest, as the system tells it
  public init(_ result: TrainingResult, base: BaseModel, peakBytes: Int? = nil) {
    let record = result.adapter.record?.training
    let weights = result.adapter.weights
    var run = AdapterRun(
      name: result.adapter.name, method: "LoRA, rank \(weights.rank), alpha \(weights.alpha)",
      trainableParameters: weights.parameterCount, rows: record?.rows ?? 0, tokens: result.tokens)
    run.loss = result.events.map { ($0.step, $0.loss) }
    run.learningRate = result.events.map { ($0.step, $0.learningRate) }
    run.gradientNorm = result.events.map { ($0.step, $0.gradientNorm) }
    if let before = result.evalBefore { run.validation.append((0, before.value)) }
    if let after = result.evalAfter { run.validation.append((run.steps, after.value)) }
    if result.wasStopped { run.ending = "it was asked to stop; what was learnt until then is saved." }
    if let record {
      run.settings =
        [
          ("epochs", record.epochs.map { "\($0)" }), ("learning_rate", record.learningRate.map { "\($0)" }),
          ("seed", record.seed.map { "\($0)" }),
        ].compactMap { name, value in value.map { (name, $0) } }
        + (record.settings ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
    self.init(
      title: "Training \(result.adapter.name)", base: "\(base.name) in \(base.precision.rawValue)",
      baseParameters: base.parameterCount, adapters: [run], seconds: result.seconds, peakBytes: peakBytes)
  }
}
