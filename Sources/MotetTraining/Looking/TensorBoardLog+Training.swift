extension TensorBoardLog {
  /// Appends what happened in a step. Tags that the Hugging Face trainers write too (`train/loss`,
  /// `train/learning_rate`, `train/grad_norm`, `eval/loss`) are called as there, so that the curves lie over each
  /// other.
  public func record(
    step: Int, loss: Double, smoothedLoss: Double, learningRate: Double, gradientNorm: Double,
    tokensPerSecond: Double
  ) throws {
    try scalars(
      [
        ("train/loss", loss), ("train/loss_smoothed", smoothedLoss), ("train/learning_rate", learningRate),
        ("train/grad_norm", gradientNorm), ("train/tokens_per_second", tokensPerSecond),
      ], step: step)
  }

  /// Appends the NLL of the validation rows in nats, as `eval/loss`.
  public func record(validationNLL: Double, step: Int) throws {
    try scalars([("eval/loss", validationNLL)], step: step)
  }

  /// Appends the settings of the run as a table under TEXT.
  public func record(settings: [(name: String, value: String)]) throws {
    func cell(_ text: String) -> String { text.replacing("|", with: "\\|").replacing("\n", with: " ") }
    let rows = settings.map { "| \(cell($0.name)) | \(cell($0.value)) |" }
    try text((["| setting | value |", "|---|---|"] + rows).joined(separator: "\n"), tag: "settings")
  }
}
