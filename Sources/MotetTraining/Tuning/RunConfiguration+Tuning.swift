import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

extension RunConfiguration {
  /// What a search decides itself, or has no place for.
  private static let notSearched: [(option: String, instead: String)] = [
    ("rank", "give --ranks"), ("alpha", "give --alphas"), ("lr", "give --lrs"),
    ("targets", "give --target-sets"),
    ("epochs", "give --tokens, the budget of all trials"), ("patience", "the rungs end what is worse"),
    ("keep", "the rungs end what is worse"), ("eval-every", "the rungs say when"),
    ("output", "it is the search's folder"), ("name", "the trials are numbered"),
    ("continue", "every trial begins anew"), ("parent", "the trials stand on the base"),
    ("orthogonal-to", "leave it out"), ("orthogonal-strength", "leave it out"), ("teacher", "leave it out"),
    ("teacher-base", "leave it out"), ("temperature", "leave it out"), ("teacher-weight", "leave it out"),
    ("groups", "leave it out"), ("rank-schedule", "give --ranks, and train the winner with it"),
  ]

  /// The method whose options are searched.
  public var searchedMethod: any AdapterMethod.Type { adapters[0].method.method }

  /// Refuses what says nothing in a search, before anything is read.
  /// - Throws: ``TuningError``, ``ConfigurationError``
  public func checkTuning() throws {
    let adapter = try onlyAdapter()
    for (option, instead) in Self.notSearched where adapter.given.contains(option) {
      throw TuningError.notSearched(option: option, instead: instead)
    }
    if checkpointEvery != nil {
      throw TuningError.notSearched(option: "checkpoint-every", instead: "give --checkpoint-minutes")
    }
    try adapter.checkRows(of: "the search", withoutValidation: TuningError.needsValidation)
  }

  /// A search with this configuration for what it does not search.
  /// - Parameters:
  ///   - tokens: of all trials over all rungs; nil takes so many that the last one left sees an epoch, and
  ///     that each rung has a step
  ///   - folder: where the search is kept
  @Compute
  public func tuning(
    of grid: TuningGrid, trials: Int, eta: Int, tokens: Int? = nil, on base: BaseModel, folder: URL,
    onData: (DataProgress) -> Void = { _ in }
  ) throws -> Tuning {
    try checkTuning()
    guard trials > 0 else { throw TuningError.trials(trials) }
    let (data, validation) = try adapters[0].readData(for: base, onData: onData)
    let candidates = grid.draw(trials, seed: adapters[0].seed)
    let path = SearchPath(data, options: adapters[0].options(tokensPerPass: tokensPerPass))
    var halving = try SuccessiveHalving(
      trials: candidates.count, eta: eta,
      tokens: tokens
        ?? SuccessiveHalving.tokens(trials: candidates.count, eta: eta, winner: data.epochTokens))
    var rungs: [Int] = []
    while rungs.isEmpty {
      do { rungs = try halving.steps { path.tokens(ofStep: $0) } } catch TuningError.budget(_, let least)
        where tokens == nil && least > halving.tokens
      {
        // An epoch of few rows is too short for so many rungs.
        halving = try SuccessiveHalving(trials: candidates.count, eta: eta, tokens: least)
      }
    }
    var jobs: [TrainingJob] = []
    var configurations: [String] = []
    for (index, candidate) in candidates.enumerated() {
      var one = self
      one.precision = PrecisionSetting(precision: base.precision)
      one.adapters[0].take(candidate)
      one.adapters[0].output = folder.appending(path: "winner").relativePath
      configurations.append(try one.yaml(ofAdapter: 0))
      var options = one.adapters[0].options(tokensPerPass: tokensPerPass)
      options.schedule = .constant
      options.epochs = path.epochs(ofSteps: rungs[rungs.count - 1])
      options.warmup *= Double(rungs[0]) / Double(rungs[rungs.count - 1])
      var job = TrainingJob(
        name: "\(index + 1)", method: try one.adapters[0].makeMethod(), options: options, data: data,
        validation: validation)
      job.evaluationPoints = Set(rungs)
      try job.validate(on: base)
      jobs.append(job)
    }
    var tuning = Tuning(
      base: base, halving: halving, jobs: jobs, candidates: candidates, rungs: rungs,
      configurations: configurations, folder: folder)
    tuning.tokensPerPass = tokensPerPass
    tuning.checkpointsActivations = checkpointActivations
    tuning.checkpointSeconds = checkpointMinutes == 0 ? nil : checkpointMinutes * 60
    return tuning
  }
}

extension AdapterConfiguration {
  fileprivate mutating func take(_ candidate: TuningGrid.Candidate) {
    if let rank = candidate.rank {
      self.rank = rank
      given.insert("rank")
    }
    if let alpha = candidate.alpha {
      self.alpha = alpha
      given.insert("alpha")
    }
    if let targets = candidate.targets {
      self.targets = LoRA.Targets(parsing: targets)
      given.insert("targets")
    }
    lr = candidate.learningRate
    given.insert("lr")
  }
}

/// The rows that every trial takes, step by step: how many tokens a step has, and how long a run of so many steps is.
private final class SearchPath {
  private var order: BatchOrder
  private let data: TrainingData
  private var steps: [(rows: Int, tokens: Int)] = []

  init(_ data: TrainingData, options: TrainingOptions) {
    var endless = options
    endless.epochs = 1e6
    self.data = data
    order = BatchOrder(data, options: endless)
  }

  func tokens(ofStep step: Int) -> Int {
    while steps.count <= step {
      let rows = order.next() ?? []
      // Without rows no budget would ever be spent.
      if rows.isEmpty { return .max / 2 }
      steps.append((rows.count, rows.reduce(0) { $0 + data.tokenCount(at: $1) }))
    }
    return steps[step].tokens
  }

  /// Half a row less than they have, so that rounding takes none more.
  func epochs(ofSteps count: Int) -> Double {
    let rows = steps.prefix(count).reduce(0) { $0 + $1.rows }
    return (Double(rows) - 0.5) / Double(max(1, data.epochLength))
  }
}

extension TrainingData {
  /// Of one epoch, without drawing it.
  fileprivate var epochTokens: Int {
    let whole = (0..<count).reduce(0) { $0 + tokenCount(at: $1) }
    return max(1, Int(Double(whole) * Double(epochLength) / Double(max(1, count))))
  }
}
