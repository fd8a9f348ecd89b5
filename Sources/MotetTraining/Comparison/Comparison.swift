import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor

/// Trains several adapters, one after another, on one loaded base, and measures each in the same way.
///
///     let jobs = try AdapterMethods.names.map { try job(of: $0, on: base) }  // the same rows, other methods
///     let result = try await Comparison(base, jobs: jobs, plain: text, folder: folder).run()
///     print(ComparisonReport(result).text())
///
/// Each is trained alone, so that the time of its steps and the peak of its memory are its own. The folder keeps what
/// is done: a comparison that was stopped, or killed, goes on where it was when it is run again, and methods can be
/// added to one. A method that fails or diverges is a row that says so.
public struct Comparison: Sendable {
  public let base: BaseModel
  /// Each of them needs validation rows; where it goes is the folder of its name in ``folder``.
  public var jobs: [TrainingJob]
  /// Text of no domain, whose NLL shows what was forgotten.
  public var plain: any ExampleSource
  public let folder: URL
  /// Tokens that are generated for the time of one.
  public var tokens = 48
  public var tokensPerPass = 512
  public var checkpointsActivations = false
  /// Steps between two checkpoints of a method's training; nil does not count them.
  public var checkpointSteps: Int?
  /// Seconds between two; nil does not look at the clock.
  public var checkpointSeconds: Double? = 600
  /// Forgets a comparison that the folder holds.
  public var overwrites = false
  /// How it was started, as its page tells.
  public var command = ""

  public init(_ base: BaseModel, jobs: [TrainingJob], plain: any ExampleSource, folder: URL) {
    self.base = base
    self.jobs = jobs
    self.plain = plain
    self.folder = folder
  }

  /// What happens in a comparison.
  public enum Event: Sendable {
    /// The figures of the base are taken.
    case measuringBase
    /// A method is done from an earlier call.
    case kept(String)
    case training(TrainingRun)
    case step(RunEvent)
    case measuring(String)
    case failed(String, reason: String)
  }

  /// Trains and measures what is not done yet. A cancelled task stops after the step under way.
  /// - Returns: the rows of all methods that the folder holds
  /// - Throws: ``ComparisonError``, ``TrainingError``, `FormatError`, or `CancellationError` with all kept that was done
  @Compute
  public func run(onEvent: @Compute (Event) -> Void = { _ in }) async throws -> ComparisonTable {
    try validate()
    let lock = try RunLock(folder.appending(path: ".lock"), of: folder)
    defer { withExtendedLifetime(lock) {} }
    var result = try begin()
    if result.base.nll == nil {
      onEvent(.measuringBase)
      if let rows = jobs.first?.validation { result.base.nll = try await base.nll(of: rows).value }
      result.base.plainNLL = try await base.nll(of: plain).value
      try keep(result)
    }
    // All are trained before any is timed: what a fused model leaves behind is not in the memory of a training.
    for job in jobs {
      try await train(job, in: &result, onEvent)
    }
    for job in jobs { try await measure(job, in: &result, onEvent) }
    return result
  }

  /// The result so far, with a row for each method.
  @Compute
  private func begin() throws -> ComparisonTable {
    // Of a call that was killed.
    ModelFolder(fusedFolder).remove()
    var now = ComparisonTable(settings: settings, base: ComparedBase(base))
    now.rows = jobs.map { ComparisonRow($0) }
    if overwrites {
      try ComparisonTable.requireOwn(in: folder, beside: ComparisonTable.otherFiles)
      for job in jobs { checkpoints(of: job).clear() }
    } else if let held = try ComparisonTable.kept(in: folder) {
      let differences = held.differences(from: now)
      guard differences.isEmpty else {
        throw ComparisonError.holdsOther(folder: folder.relativePath, what: differences)
      }
      let added = now.rows.filter { row in !held.rows.contains { $0.name == row.name } }
      now = held
      now.rows += added
    } else {
      try ComparisonTable.requireOwn(in: folder, beside: ComparisonTable.otherFiles)
    }
    let order = AdapterMethods.names
    let places = Dictionary(
      now.rows.enumerated().map { ($1.name, order.firstIndex(of: $1.name) ?? order.count + $0) },
      uniquingKeysWith: { first, _ in first })
    now.rows.sort { places[$0.name, default: 0] < places[$1.name, default: 0] }
    try keep(now)
    return now
  }

  func keep(_ result: ComparisonTable) throws { try result.write(to: folder, command: command) }

  /// Of the model that is timed with an adapter in its weights, while it is.
  var fusedFolder: URL { folder.appending(path: ".fused") }

  /// Where one method's adapter goes.
  func place(of job: TrainingJob) -> URL { folder.appending(path: job.name) }

  func checkpoints(of job: TrainingJob) -> Checkpoints {
    Checkpoints(
      folder: place(of: job).appending(path: "checkpoints"), everySteps: checkpointSteps,
      everySeconds: checkpointSeconds, start: .resume)
  }

  @Compute
  private var settings: [String: String] {
    [
      "base": "\(base.name), \(base.fingerprint().prefix(16))", "precision": base.precision.rawValue,
      "tokens-per-pass": "\(tokensPerPass)", "checkpoint-activations": "\(checkpointsActivations)",
      "plain": "\(plain.count) rows, \(plain.digest)", "tokens": "\(tokens)",
    ]
  }

  private func validate() throws {
    guard !jobs.isEmpty else { throw ComparisonError.nothing }
    guard plain.count > 0 else { throw ComparisonError.noPlainText }
    guard tokens > 1 else { throw ComparisonError.tokens(tokens) }
    var names = Set<String>()
    for job in jobs {
      guard names.insert(job.name).inserted else { throw TrainingError.sameName(job.name) }
      guard job.validation != nil else { throw ComparisonError.needsValidation(job: job.name) }
      try job.options.validate()
    }
    try checkpoints(of: jobs[0]).validate()
  }
}

extension ComparedBase {
  init(_ base: BaseModel) {
    self.init(name: base.name, precision: base.precision.rawValue, parameters: base.parameterCount)
  }
}
