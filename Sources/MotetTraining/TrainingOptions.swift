import Foundation

/// How a run goes; every default is meant to work.
public struct TrainingOptions: Sendable, Equatable {
  public var epochs: Double
  /// Rows that one optimizer step sees.
  public var batchRows: Int
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

  public init(
    epochs: Double = 1, batchRows: Int = 8, learningRate: Double = 2e-4, schedule: Schedule = .cosine,
    warmup: Double = 0.03, weightDecay: Double = 0.01, clip: Double? = 1, seed: UInt64 = 0,
    shuffles: Bool = true, maximumLength: Int? = nil, tokensPerPass: Int = 512
  ) {
    self.epochs = epochs
    self.batchRows = batchRows
    self.learningRate = learningRate
    self.schedule = schedule
    self.warmup = warmup
    self.weightDecay = weightDecay
    self.clip = clip
    self.seed = seed
    self.shuffles = shuffles
    self.maximumLength = maximumLength
    self.tokensPerPass = tokensPerPass
  }

  /// - Throws: ``TrainingError/option(_:_:_:)`` for a value that cannot be
  func validate() throws {
    func require(_ holds: Bool, _ name: String, _ value: Any, _ mend: String) throws {
      if !holds { throw TrainingError.option(name: name, value: "\(value)", mend: mend) }
    }
    try require(epochs > 0 && epochs.isFinite, "epochs", epochs, "give a positive number")
    try require(batchRows > 0, "batch", batchRows, "give at least 1 row")
    try require(
      learningRate > 0 && learningRate.isFinite, "lr", learningRate, "give a positive number such as 2e-4")
    try require((0...1).contains(warmup), "warmup", warmup, "give a share within 0 to 1")
    try require(weightDecay >= 0 && weightDecay.isFinite, "weight-decay", weightDecay, "give 0 or more")
    if let clip { try require(clip > 0 && clip.isFinite, "clip", clip, "give a positive number") }
    if let maximumLength {
      try require(maximumLength > 1, "max-length", maximumLength, "give at least 2 tokens")
    }
    try require(tokensPerPass > 0, "tokens-per-pass", tokensPerPass, "give at least 1 token")
  }
}

public enum TrainingError: Error, Equatable, CustomStringConvertible {
  case option(name: String, value: String, mend: String)
  case diverged(step: Int)
  case baseChanged(before: String, after: String)

  public var description: String {
    switch self {
    case .option(let name, let value, let mend): "--\(name) \(value) cannot be: \(mend)"
    case .diverged(let step):
      "the loss is not a number at step \(step): nothing was saved; lower --lr or check the data"
    case .baseChanged(let before, let after):
      "the base's fingerprint changed from \(before.prefix(12)) to \(after.prefix(12)): please report this"
    }
  }
}
