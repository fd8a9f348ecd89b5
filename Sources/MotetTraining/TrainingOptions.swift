import Foundation

/// How one adapter is trained; every default is meant to work.
public struct TrainingOptions: Sendable, Equatable {
  public var epochs: Double
  /// Rows of one batch.
  public var batchRows: Int
  /// Batches that one optimizer step gathers; the mean is over all their labels.
  public var accumulation: Int
  public var optimizer: OptimizerKind
  public var learningRate: Double
  public var schedule: Schedule
  /// The share of the steps over which the rate rises.
  public var warmup: Double
  public var weightDecay: Double
  /// The global norm gradients are clipped to; nil for none.
  public var clip: Double?
  public var seed: UInt64
  /// Draws the rows in a new order each epoch; off, they come as they stand.
  public var shuffles: Bool
  /// Rows are cut to this many tokens; nil refuses rows longer than the context.
  public var maximumLength: Int?
  /// Tokens that go through the model at one time; a larger batch gathers gradients over several passes.
  public var tokensPerPass: Int
  /// Steps between two evaluations on the validation rows; nil takes a tenth of the steps where something needs them.
  public var evaluationSteps: Int?
  /// Evaluations without betterment after which training ends; nil trains to the end.
  public var patience: Int?
  public var keep: Keep
  /// A step whose loss is this many standard deviations above the recent ones is left out; nil takes every step.
  public var spikeSigma: Double?
  /// Bytes of the optimizer's state that stay in memory; nil keeps all there. The outcome is the same.
  public var optimizerMemory: Int?

  /// Which weights a run ends with.
  public enum Keep: String, Sendable, CaseIterable, Codable {
    /// Those after the last step.
    case last
    /// Those with the lowest validation NLL.
    case best
  }

  public init(
    epochs: Double = 1, batchRows: Int = 8, accumulation: Int = 1, optimizer: OptimizerKind = .adamW,
    learningRate: Double = 1e-3, schedule: Schedule = .cosine, warmup: Double = 0.03,
    weightDecay: Double = 0.01, clip: Double? = 1, seed: UInt64 = 0, shuffles: Bool = true,
    maximumLength: Int? = nil, tokensPerPass: Int = 512, evaluationSteps: Int? = nil, patience: Int? = nil,
    keep: Keep = .last, spikeSigma: Double? = 8, optimizerMemory: Int? = nil
  ) {
    self.epochs = epochs
    self.batchRows = batchRows
    self.accumulation = accumulation
    self.optimizer = optimizer
    self.learningRate = learningRate
    self.schedule = schedule
    self.warmup = warmup
    self.weightDecay = weightDecay
    self.clip = clip
    self.seed = seed
    self.shuffles = shuffles
    self.maximumLength = maximumLength
    self.tokensPerPass = tokensPerPass
    self.evaluationSteps = evaluationSteps
    self.patience = patience
    self.keep = keep
    self.spikeSigma = spikeSigma
    self.optimizerMemory = optimizerMemory
  }

  /// Rows that one optimizer step sees.
  var stepRows: Int { batchRows * accumulation }

  /// - Throws: ``TrainingError/option(name:value:mend:)`` for a value that cannot be
  func validate() throws {
    func require(_ holds: Bool, _ name: String, _ value: Any, _ mend: String) throws {
      if !holds { throw TrainingError.option(name: name, value: "\(value)", mend: mend) }
    }
    let most = 1 << 30
    try require(epochs > 0 && epochs < 1e9, "epochs", epochs, "give a positive number")
    try require((1...most).contains(batchRows), "batch", batchRows, "give at least 1 row")
    try require((1...most).contains(accumulation), "accumulate", accumulation, "give at least 1 batch")
    try require(
      learningRate > 0 && learningRate.isFinite, "lr", learningRate, "give a positive number such as 2e-4")
    try require((0...1).contains(warmup), "warmup", warmup, "give a share within 0 to 1")
    try require(weightDecay >= 0 && weightDecay.isFinite, "weight-decay", weightDecay, "give 0 or more")
    if let clip { try require(clip > 0 && clip.isFinite, "clip", clip, "give a positive number") }
    if let maximumLength {
      try require(maximumLength > 1, "max-length", maximumLength, "give at least 2 tokens")
    }
    try require(tokensPerPass > 0, "tokens-per-pass", tokensPerPass, "give at least 1 token")
    if let evaluationSteps {
      try require(evaluationSteps > 0, "eval-every", evaluationSteps, "give at least 1 step")
    }
    if let patience { try require(patience > 0, "patience", patience, "give at least 1 evaluation") }
    if let optimizerMemory {
      try require(
        optimizerMemory >= optimizer.pageBytes, "optimizer-memory", "\(optimizerMemory) bytes",
        "one page of \(optimizer.rawValue)'s state takes \(optimizer.pageBytes) bytes: give at least that")
    }
    if let spikeSigma {
      try require(spikeSigma >= 3, "spike-sigma", spikeSigma, "give at least 3, or 0 to take every step")
    }
  }

  /// The first option that asks for validation rows.
  var needsValidation: String? {
    if patience != nil { return "patience" }
    if keep == .best { return "keep best" }
    return evaluationSteps == nil ? nil : "eval-every"
  }

  /// What decides the outcome, by the names of the command line.
  var settings: [String: String] {
    [
      "epochs": "\(epochs)", "batch": "\(batchRows)", "accumulate": "\(accumulation)",
      "optimizer": optimizer.rawValue, "lr": "\(learningRate)", "schedule": schedule.rawValue,
      "warmup": "\(warmup)", "weight-decay": "\(weightDecay)", "clip": clip.map { "\($0)" } ?? "none",
      "seed": "\(seed)", "shuffle": "\(shuffles)", "max-length": maximumLength.map { "\($0)" } ?? "none",
      "eval-every": evaluationSteps.map { "\($0)" } ?? "none",
      "patience": patience.map { "\($0)" } ?? "none", "keep": keep.rawValue,
      "spike-sigma": spikeSigma.map { "\($0)" } ?? "none",
    ]
  }
}
