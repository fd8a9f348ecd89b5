import MotetAdapters

/// What one method came to in a ``Comparison``; what could not be measured, or is not yet, is nil.
public struct ComparisonRow: Sendable, Codable, Equatable {
  /// The method, or what else the job is called.
  public var name: String
  /// In a few words: `LoRA, rank 16, alpha 32`.
  public var summary: String
  /// What decided the outcome, by the names of the command line.
  public var settings: [String: String]
  /// Values that were trained.
  public var parameters: Int?
  /// Of the base's values.
  public var share: Double?
  /// Of the adapter's files, in bytes: its configuration and its tensors, without logs.
  public var adapterBytes: Int?
  public var steps: Int?
  /// Trained on, without padding.
  public var tokens: Int?
  /// The median of the steps without the first, which also prepares the base for going back.
  public var secondsPerStep: Double?
  /// Resident memory of the process at its peak while this method was trained and saved, the loaded base included;
  /// nil where the system does not tell it of a part of a process.
  public var peakBytes: Int?
  /// Of the validation rows, under the adapter.
  public var nll: Double?
  /// Of the plain text, under the adapter.
  public var plainNLL: Double?
  /// Of a generated token, under the adapter.
  public var secondsPerToken: Double?
  /// The same by a model that has the adapter in its weights.
  public var secondsPerMergedToken: Double?
  /// Why there is no such model.
  public var mergeRefusal: String?
  /// Why there are no figures.
  public var failure: String?
  /// How far the work on it is.
  public var stage = Stage.begun

  public enum Stage: String, Sendable, Codable {
    /// Its training may have a checkpoint.
    case begun
    /// The adapter is saved.
    case trained
    case measured
    /// It came to nothing; tried again the next time.
    case failed
    /// The loss was no number any more.
    case diverged
  }

  private enum CodingKeys: String, CodingKey {
    case name, summary, settings, parameters, share, steps, tokens, nll, failure, stage
    case adapterBytes = "adapter_bytes"
    case secondsPerStep = "seconds_per_step"
    case peakBytes = "peak_bytes"
    case plainNLL = "plain_nll"
    case secondsPerToken = "seconds_per_token"
    case secondsPerMergedToken = "seconds_per_merged_token"
    case mergeRefusal = "merge_refusal"
  }

  init(_ job: TrainingJob) {
    name = job.name
    summary = job.method.summary
    settings = job.identity()
  }

  mutating func take(_ result: TrainingResult, baseParameters: Int) {
    parameters = result.trainableParameters
    share = Double(result.trainableParameters) / Double(max(1, baseParameters))
    steps = result.events.count
    tokens = result.tokens
    nll = result.evalAfter?.value
    let ends = result.events.map(\.seconds)
    let times = zip([0] + ends, ends).map { $1 - $0 }
    secondsPerStep = median(times.count > 1 ? Array(times.dropFirst()) : times)
  }
}

/// What is measured once, of the base without an adapter.
public struct ComparedBase: Sendable, Codable, Equatable {
  public var name: String
  public var precision: String
  public var parameters: Int
  /// Of the validation rows: what every method begins from.
  public var nll: Double?
  public var plainNLL: Double?
  public var secondsPerToken: Double?

  private enum CodingKeys: String, CodingKey {
    case name, precision, parameters, nll
    case plainNLL = "plain_nll"
    case secondsPerToken = "seconds_per_token"
  }
}

/// The middle one by size; nil of none.
func median(_ values: [Double]) -> Double? {
  guard !values.isEmpty else { return nil }
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
