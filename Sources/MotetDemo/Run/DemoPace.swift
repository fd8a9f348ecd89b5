import Foundation
import Motet

/// How fast this machine does the demo's work, measured on a few seconds of it: what the demo takes, and how much of it
/// fits into a given time.
///
///     let pace = try await DemoPace.measure(on: base, options)
///     let fitted = pace.fitted(options, within: 16 * 60)
///     print(Int(pace.seconds(fitted) / 60), "minutes")
public struct DemoPace: Sendable, Equatable {
  /// Tokens that training takes in a second.
  public var training: Double
  /// Tokens that a full batch of answers grows by in a second.
  public var answering: Double
  /// Tokens of a training row, prompt and template included.
  public var rowTokens: Double
  /// Tokens that are read whatever the options: texts whose NLL is measured, prompts for the routers.
  public var fixedTokens: Double

  public init(training: Double, answering: Double, rowTokens: Double, fixedTokens: Double) {
    self.training = training
    self.answering = answering
    self.rowTokens = rowTokens
    self.fixedTokens = fixedTokens
  }

  /// Fewer rows teach nothing, and fewer items measure nothing.
  static let leastRows = 48
  static let leastHeldOut = 12
  /// Tokens of an answer on average, measured on the whole demo: the base's run to the limit of 96.
  static let answerTokens = 45.0
  /// Reading takes no backward pass.
  static let readingFactor = 2.0

  /// Trains and answers for a few seconds. The base stays as it is, and nothing is kept.
  public static func measure(on base: BaseModel, _ options: DemoOptions) async throws -> DemoPace {
    let rows = DemoDomain.allCases.flatMap { DemoSchool.rows($0, options).prefix(4) }
    let data = Dataset(rows, name: "pace")
    var training = options.training
    training.epochs = 1
    let result = try await Trainer(base, method: options.method, options: training).train(
      on: data, name: "pace")
    let trained = Self.rate(result.events.map { ($0.tokens, $0.seconds) })

    let prompts = (0..<24).map { rows[$0 % rows.count].prompt }
    let began = ContinuousClock.now
    let answers = try await base.answers(
      to: prompts, mixes: prompts.map { _ in .base }, maximumTokens: 16, maximumRows: 32)
    let seconds = max((ContinuousClock.now - began) / .seconds(1), 1e-6)
    let answered = Double(answers.reduce(0) { $0 + base.tokenizer.encode($1).count })

    let general = DemoData.generalText.map { DatasetRow(.text($0)) }
    let compound = DemoData.compound.map { DatasetRow(prompt: $0.prompt, response: $0.response) }
    let texts = try Dataset(general + compound, name: "pace").examples(for: base)
    let prompted = EverydayPrompts.all.count + DemoData.unrelatedPrompts.count + 300
    return DemoPace(
      training: trained, answering: answered / seconds,
      rowTokens: Double(try data.examples(for: base).reduce(0) { $0 + $1.tokens.count }) / Double(rows.count),
      fixedTokens: Double(
        DemoSystem.allCases.count * texts.reduce(0) { $0 + $1.tokens.count } + prompted * 45))
  }

  /// Tokens a second after the first step, which lays out memory that later ones find.
  /// - Parameter steps: tokens of each step, and the seconds from the start to its end
  static func rate(_ steps: [(tokens: Int, seconds: Double)]) -> Double {
    guard let first = steps.first, let last = steps.last else { return 1 }
    let rest = steps.dropFirst().reduce(0) { $0 + $1.tokens }
    let (tokens, seconds) = rest > 0 ? (rest, last.seconds - first.seconds) : (first.tokens, first.seconds)
    return max(1, Double(tokens)) / max(seconds, 1e-6)
  }

  /// Seconds that the demo takes with these options.
  public func seconds(_ options: DemoOptions) -> Double {
    let rows = Double(options.rows)
    // Three adapters, one on all rows, and two more domains in turn: eight times a domain's rows.
    let trained = 8 * rows * rowTokens * options.epochs
    let read = fixedTokens + 3 * min(rows, 200) * rowTokens
    let answered = Double(3 * DemoSystem.allCases.count * options.heldOut + 24) * Self.answerTokens
    return trained / training + read / (training * Self.readingFactor) + answered / answering
  }

  /// `options` with as many rows and held-out items as fit into `limit` seconds, and never more than they had.
  /// Where not even the fewest fit, the fewest.
  public func fitted(_ options: DemoOptions, within limit: Double) -> DemoOptions {
    var best = options
    best.rows = min(options.rows, Self.leastRows)
    best.heldOut = min(options.heldOut, Self.leastHeldOut)
    // Rows and items shrink together, so that neither training nor measuring is given up for the other.
    for share in stride(from: 100, through: 1, by: -1) {
      var tried = options
      tried.rows = max(best.rows, options.rows * share / 100)
      tried.heldOut = max(best.heldOut, options.heldOut * share / 100)
      if seconds(tried) <= limit { return tried }
    }
    return best
  }
}
