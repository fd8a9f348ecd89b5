import Foundation
import MotetTensor

/// The files of one adapter that grow as its run goes: `training.jsonl`, and TensorBoard's in `tensorboard`.
@Compute
struct AdapterLogs {
  nonisolated static let textFile = "training.jsonl"
  nonisolated static let boardFolder = "tensorboard"

  private let text: TrainingLog?
  private let board: TensorBoardLog?

  /// Begins them, or goes on with them where a checkpoint left the adapter: what they say of later steps is cut off,
  /// or taken back.
  /// - Throws: `FormatError` when they cannot be written
  init(_ learner: Learner, isResumed: Bool) throws {
    guard let folder = learner.job.logs else {
      (text, board) = (nil, nil)
      return
    }
    text = try TrainingLog(
      folder.appending(path: Self.textFile), events: learner.events, validations: learner.validations)
    // An adapter that was at its end before a stop has all that there is.
    guard learner.job.writesTensorBoard, !isResumed || !learner.isOver else {
      board = nil
      return
    }
    let place = folder.appending(path: Self.boardFolder)
    // What a run left that is begun anew holds no longer, from its first value on.
    let isAnew = !isResumed && !TensorBoardLog.files(in: place).isEmpty
    let log = try TensorBoardLog(
      folder: place, resumingAt: isResumed ? learner.step + 1 : isAnew ? 0 : nil)
    if !isResumed {
      try log.record(settings: learner.job.settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
      if let before = learner.evalBefore { try log.record(validationNLL: before.value, step: 0) }
    }
    board = log
  }

  func append(_ event: RunEvent) throws {
    try text?.append(event)
    switch event {
    case .step(let event):
      try board?.record(
        step: event.step, loss: event.loss, smoothedLoss: event.smoothedLoss,
        learningRate: event.learningRate, gradientNorm: event.gradientNorm,
        tokensPerSecond: event.tokensPerSecond)
    case .validation(let event): try board?.record(validationNLL: event.nll, step: event.step)
    default: break
    }
  }
}
