import Motet

/// What is said of an adapter's rows before a step is taken.
enum DataNotes {
  static func show(_ job: TrainingJob) throws {
    guard let data = job.data as? TrainingData else { return }
    for line in data.report.text().split(separator: "\n") { Console.note("  \(line)") }
    if let note = job.sharedRowsNote { Console.note("  \(note)") }
    if let validation = job.validation as? TrainingData {
      for line in validation.report.remarkLines { Console.note("  validation: \(line)") }
    }
    if let rows = (job.validation as? TrainingData)?.report.total, rows.truncatedRows > 0 {
      Console.note(
        "  validation: \(rows.truncatedRows) of \(rows.rows) rows are longer than the context and cut to it")
    }
    try warn(of: job)
  }

  /// Says so when the rows are a classification put as text.
  static func warn(of job: TrainingJob?) throws {
    guard let data = job?.data as? TrainingData, let balance = try data.responseBalance() else { return }
    Console.note("  \(balance.warning)")
  }
}
