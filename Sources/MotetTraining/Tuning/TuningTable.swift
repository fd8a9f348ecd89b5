import Foundation
import MotetFormats
import MotetTensor

/// What one trial of a search came to.
public struct TuningTrial: Sendable, Codable, Equatable {
  /// Its number, from 1.
  public var name: String
  public var candidate: TuningGrid.Candidate
  /// What decided the outcome, by the names of the command line.
  public var settings: [String: String]
  /// Values that were trained.
  public var parameters: Int?
  /// Trained on, without padding.
  public var tokens: Int?
  /// Of the validation rows at the end of each rung it came to.
  public var nlls: [Double] = []
  /// The step at which its loss was no number any more.
  public var divergedAt: Int?

  fileprivate func without(_ keys: [String]) -> TuningTrial {
    var trial = self
    for key in keys { trial.settings[key] = nil }
    return trial
  }
}

/// A search as `tuning.json` holds it.
public struct TuningTable: Sendable, Equatable, KeptTable {
  /// What all trials share: the base, and how the budget is divided.
  public var settings: [String: String]
  /// Of each rung: the trials in it, and the step it ends at.
  public var rungs: [Rung]
  public var trials: [TuningTrial]
  /// The trial that was left; nil while the search is not over.
  public var winner: String?
  /// Of all trials together.
  public var tokens: Int?

  public struct Rung: Sendable, Codable, Equatable {
    public var trials: Int
    public var step: Int
  }

  static let file = "tuning.json"
  static let winnerFile = "winner.yaml"
  static let otherFiles = ["tuning.html", winnerFile]

  @Compute
  init(_ tuning: Tuning) {
    settings = [
      "base": "\(tuning.base.name), \(tuning.base.fingerprint().prefix(16))",
      "precision": tuning.base.precision.rawValue, "trials": "\(tuning.halving.trials)",
      "eta": "\(tuning.halving.eta)", "tokens": "\(tuning.halving.tokens)",
      "tokens-per-pass": "\(tuning.tokensPerPass)",
    ]
    rungs = zip(tuning.halving.counts, tuning.rungs).map { Rung(trials: $0, step: $1) }
    trials = zip(tuning.jobs, tuning.candidates).map { job, candidate in
      TuningTrial(name: job.name, candidate: candidate, settings: job.identity())
    }
  }

  static func damaged(_ file: String) -> any Error { TuningError.damaged(file: file) }

  /// What the trials came to, and which of them is left.
  /// - Throws: ``TuningError/allDiverged``
  mutating func take(_ outcomes: [JobOutcome], rungs: [Int]) throws {
    for (index, outcome) in outcomes.enumerated() {
      if case .diverged(let step) = outcome.ending { trials[index].divergedAt = step }
      guard let result = outcome.result else { continue }
      trials[index].parameters = result.trainableParameters
      trials[index].tokens = result.tokens
      trials[index].nlls = rungs.compactMap { step in
        result.validations.first { $0.step == step }?.nll
      }
    }
    tokens = trials.reduce(0) { $0 + ($1.tokens ?? 0) }
    let left = trials.filter { $0.divergedAt == nil && $0.nlls.count == rungs.count }
    winner = left.min { Self.rank($0) < Self.rank($1) }?.name
    guard winner != nil else { throw TuningError.allDiverged }
  }

  private static func rank(_ trial: TuningTrial) -> (Double, Int) {
    let nll = trial.nlls.last ?? .infinity
    return (nll.isNaN ? .infinity : nll, Int(trial.name) ?? 0)
  }

  /// The rung after which a trial was left out, counted from 1; nil for one that was not.
  func leftAfter(_ trial: TuningTrial) -> Int? {
    trial.divergedAt != nil || trial.name == winner || winner == nil ? nil : trial.nlls.count
  }

  /// Writes it for going on and for reading: `tuning.json` and `tuning.html`.
  func write(to folder: URL, command: String) throws {
    let report = TuningReport(self, command: command)
    try keep(in: folder)
    try AtomicFile.write(Data(report.page().html().utf8), to: folder.appending(path: "tuning.html"))
  }

  /// What another search has otherwise, in words; empty when it is the same.
  func differences(from now: TuningTable) -> [String] {
    var found = settingDifferences(settings, now.settings)
    // What follows from another budget need not be said.
    let derived = found.isEmpty ? [] : ["epochs", "rungs", "warmup"]
    for (old, new) in zip(trials, now.trials) {
      let (old, new) = (old.without(derived), new.without(derived))
      for difference in settingDifferences(old.settings, new.settings) where !found.contains(difference) {
        found.append(difference)
      }
    }
    return found
  }
}
