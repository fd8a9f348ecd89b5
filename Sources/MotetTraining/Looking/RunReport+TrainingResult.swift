import Foundation
import MotetModels
import MotetReport
import MotetTensor

extension RunReport {
  /// The page of a run that trained one adapter.
  /// - Parameter peakBytes: resident memory at its highest, as the system tells it
  public init(_ result: TrainingResult, base: BaseModel, peakBytes: Int? = nil) {
    let weights = result.adapter.weights
    let record = result.adapter.record?.training
    var run = AdapterRun(
      name: result.adapter.name, method: weights.summary,
      trainableParameters: weights.parameterCount, rows: record?.rows ?? 0, tokens: result.tokens)
    run.take(result.events, result.validations, before: result.evalBefore)
    if result.wasStopped { run.ending = AdapterRun.wasStopped }
    run.settings = (record?.settings ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    self.init(
      title: "Training \(result.adapter.name)", base: "\(base.name) in \(base.precision.rawValue)",
      baseParameters: base.parameterCount, adapters: [run], seconds: result.seconds, peakBytes: peakBytes)
  }

  /// One page of several runs' adapters that were trained together; nil for none.
  init?(joining pages: [RunReport], title: String) {
    guard let first = pages.first else { return nil }
    self.init(
      title: "\(title) \(pages.flatMap(\.adapters).map(\.name).joined(separator: ", "))", base: first.base,
      baseParameters: first.baseParameters, adapters: pages.flatMap(\.adapters),
      seconds: pages.map(\.seconds).max() ?? 0, peakBytes: pages.compactMap(\.peakBytes).max())
    sections = pages.flatMap { page in
      page.sections.map { section in
        HTMLPage.Section(
          heading: "\(page.adapters.map(\.name).joined(separator: ", ")): \(section.heading)",
          blocks: section.blocks)
      }
    }
    command = first.command
  }
}

extension RunReport.AdapterRun {
  static let wasStopped = "it was asked to stop; what was learnt until then is saved."

  @Compute
  init(_ learner: Learner, _ outcome: JobOutcome) {
    let job = learner.job
    self.init(
      name: job.name,
      method: job.start?.summary ?? job.method.summary,
      trainableParameters: learner.adapter.parameterCount, rows: job.data.count,
      tokens: learner.events.reduce(0) { $0 + $1.tokens })
    take(learner.events, learner.validations, before: learner.evalBefore)
    settings = job.settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    switch outcome.ending {
    case .completed: break
    case .stopped: ending = Self.wasStopped
    case .stoppedEarly: ending = "the validation NLL no longer fell."
    case .diverged(let step): ending = "its loss was not a number at step \(step)."
    }
    if let result = outcome.result, result.step < steps {
      blocks.append(.prose("The adapter has the weights of step \(result.step)."))
    } else if outcome.result == nil {
      blocks.append(.prose("Nothing was saved."))
    }
    for overlap in outcome.result?.overlaps ?? [] {
      blocks.append(.prose("Overlap of input subspaces: \(overlap.text)."))
    }
    for finding in learner.adapter.findings {
      blocks += [.prose(finding.text), .table(header: finding.header, rows: finding.rows)]
    }
    if let ranks = outcome.result?.adapter.weights.rankSummary {
      blocks.append(.prose("Its matrices have \(ranks)."))
    }
    if let groups = outcome.groups {
      blocks.append(
        .prose("Validation NLL by \(groups.field); * marks more than two standard errors from all."))
      blocks.append(.table(header: groups.table.header, rows: groups.table.rows))
    }
  }

  fileprivate mutating func take(
    _ events: [TrainingEvent], _ validations: [ValidationEvent], before: NLL?
  ) {
    loss = events.map { ($0.step, $0.loss) }
    learningRate = events.map { ($0.step, $0.learningRate) }
    gradientNorm = events.map { ($0.step, $0.gradientNorm) }
    validation = (before.map { [(0, $0.value)] } ?? []) + validations.map { ($0.step, $0.nll) }
  }
}

extension TrainingJob {
  /// What its rows are like.
  var dataSections: [HTMLPage.Section] {
    var sections: [HTMLPage.Section] = []
    guard let data = data as? TrainingData else { return sections }
    sections.append(.init(heading: "Data", blocks: [.code(data.report.text())]))
    guard let rows = validation as? TrainingData else { return sections }
    var blocks: [HTMLPage.Block] = [.code(rows.report.text())]
    if let note = sharedRowsNote { blocks.append(.prose(note)) }
    sections.append(.init(heading: "Validation rows", blocks: blocks))
    return sections
  }

  /// Says so when rows that are learnt are examined too: nil when none are.
  public var sharedRowsNote: String? {
    guard let data = data as? TrainingData, let rows = validation as? TrainingData else { return nil }
    let shared = data.rowsShared(with: rows)
    return shared == 0
      ? nil
      : "\(grouped(shared)) of the rows trained on stand in the validation rows too, whose NLL then says less."
  }
}
