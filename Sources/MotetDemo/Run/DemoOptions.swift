import Foundation
import Motet

/// How the demo runs; the defaults take at most 15 minutes on two cores.
public struct DemoOptions: Sendable {
  public var output: URL
  /// Training rows a domain.
  public var rows: Int
  /// Held-out items a domain.
  public var heldOut: Int
  public var epochs: Double
  public var learningRate: Double
  public var rank: Int
  public var seed: UInt64

  public init(
    output: URL = URL(filePath: "motet-demo"), rows: Int = 400, heldOut: Int = 40, epochs: Double = 2,
    learningRate: Double = 1e-3, rank: Int = 16, seed: UInt64 = 0
  ) {
    self.output = output
    self.rows = rows
    self.heldOut = heldOut
    self.epochs = epochs
    self.learningRate = learningRate
    self.rank = rank
    self.seed = seed
  }

  var training: TrainingOptions {
    TrainingOptions(
      epochs: epochs, batchRows: 2, learningRate: learningRate, schedule: .linear, warmup: 0.06,
      weightDecay: 0, seed: seed)
  }

  var method: LoRA { LoRA(rank: rank) }
}

/// The ways of answering that the demo compares.
public enum DemoSystem: String, CaseIterable, Sendable, Codable {
  case base, math, code, qa
  /// One adapter trained on the rows of all domains together.
  case joint
  /// One adapter trained on the domains in turn.
  case sequential
  /// The three adapters merged into one.
  case merged
  /// The mix that the router chooses for each prompt.
  case routed

  var explanation: String {
    switch self {
    case .base: "the frozen base alone"
    case .math, .code, .qa: "the adapter trained on \(rawValue)"
    case .joint: "one adapter trained on all rows together"
    case .sequential: "one adapter trained on math, then code, then qa"
    case .merged: "the three adapters merged into one"
    case .routed: "the mix the router chose for each prompt"
    }
  }
}
