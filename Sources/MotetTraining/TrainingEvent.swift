/// What happened in one optimizer step of one adapter.
public struct TrainingEvent: Sendable, Equatable, Codable {
  /// The adapter's name.
  public let job: String
  /// Counted from 1.
  public let step: Int
  public let steps: Int
  /// Mean over the step's labels, in nats.
  public let loss: Double
  /// The running mean of the losses so far, as TensorBoard draws it with a smoothing of 0.9.
  public let smoothedLoss: Double
  public let learningRate: Double
  public let gradientNorm: Double
  /// Of this step, without padding.
  public let tokens: Int
  /// Of this adapter, over the run so far.
  public let tokensPerSecond: Double
  /// Of the steps so far, without evaluations and checkpoints.
  public let seconds: Double
  public let secondsLeft: Double
  /// Whether the step was left out as a spike.
  public let isSkipped: Bool
  /// What keeps the adapter apart from others, not counted in the loss.
  public let penalty: Double?
}

/// An evaluation on the validation rows.
public struct ValidationEvent: Sendable, Equatable, Codable {
  public let job: String
  /// Steps taken before it.
  public let step: Int
  /// Mean in nats over the response tokens.
  public let nll: Double
  /// Whether it is the lowest of the run so far.
  public let isBest: Bool
}

/// What a run tells while it goes.
public enum RunEvent: Sendable {
  case step(TrainingEvent)
  case validation(ValidationEvent)
  /// A step was left out: its loss was above `limit`.
  case spike(job: String, step: Int, loss: Double, limit: Double)
  /// The validation NLL no longer fell.
  case stoppedEarly(job: String, step: Int)
  /// Others of its rung are better: it does not go on.
  case leftOut(job: String, step: Int)
  /// The loss or the gradients of one adapter are no numbers any more; the others go on.
  case diverged(job: String, step: Int)
  /// The whole run up to here is on the disk.
  case checkpoint(step: Int, folder: String)
  /// The run goes on from a checkpoint; `note` says what will make it end otherwise than a run that was left alone.
  case resumed(step: Int, note: String?)
  case finished(JobOutcome)
}
