import Foundation
import MotetReport

/// The page a run leaves: what was trained, how its losses went and with which settings. One file that needs no
/// network.
///
///     let page = RunReport(result, base: base).page()
///     try page.html().write(toFile: "report.html", atomically: true, encoding: .utf8)
public struct RunReport: Sendable {
  /// A value at each of some steps, which are counted from 1.
  public typealias Curve = [(step: Int, value: Double)]

  /// One adapter of the run.
  public struct AdapterRun: Sendable {
    public var name: String
    /// Such as `LoRA, rank 16, alpha 32`.
    public var method: String
    public var trainableParameters: Int
    public var rows: Int
    /// Trained on, without padding.
    public var tokens: Int
    /// Mean over a step's labels, in nats.
    public var loss: Curve = []
    /// NLL of the validation rows, in nats; step 0 is before the first.
    public var validation: Curve = []
    public var learningRate: Curve = []
    /// Before clipping.
    public var gradientNorm: Curve = []
    public var settings: [(name: String, value: String)] = []
    /// Why it ended before its last step; empty when it did not.
    public var ending = ""
    /// More to show of it, such as results by group.
    public var blocks: [HTMLPage.Block] = []

    public init(name: String, method: String, trainableParameters: Int, rows: Int, tokens: Int) {
      self.name = name
      self.method = method
      self.trainableParameters = trainableParameters
      self.rows = rows
      self.tokens = tokens
    }

    public var steps: Int { loss.last?.step ?? 0 }
  }

  public var title: String
  /// The base's name and precision, such as `smollm2-135m-instruct in bf16`.
  public var base: String
  public var baseParameters: Int
  public var adapters: [AdapterRun]
  /// Of the training loop.
  public var seconds: Double
  public var peakBytes: Int?
  /// Weight of the past in the smoothed curves; nil chooses it by the number of steps.
  public var smoothing: Double?
  /// More sections, such as the data report; they stand before the settings.
  public var sections: [HTMLPage.Section] = []
  /// How the run was started.
  public var command = ""

  public init(
    title: String, base: String, baseParameters: Int, adapters: [AdapterRun], seconds: Double,
    peakBytes: Int? = nil
  ) {
    self.title = title
    self.base = base
    self.baseParameters = baseParameters
    self.adapters = adapters
    self.seconds = seconds
    self.peakBytes = peakBytes
  }

  public var tokens: Int { adapters.reduce(0) { $0 + $1.tokens } }

  public func page() -> HTMLPage {
    var page = HTMLPage(
      title: title, summary: summary, sections: [overview],
      footer: command.isEmpty ? "Made by motet." : "Made by motet: \(command)")
    if adapters.count > 1 { page.sections.append(comparison) }
    page.sections += adapters.map { section(of: $0) }
    page.sections += sections
    page.sections.append(contentsOf: settings)
    return page
  }

  private var summary: String {
    let names = adapters.map(\.name).joined(separator: ", ")
    let what = adapters.count == 1 ? "The adapter \(names)" : "\(adapters.count) adapters (\(names))"
    return "\(what) on \(base), which stayed as it was."
  }
}
