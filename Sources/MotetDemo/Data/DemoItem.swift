/// The three domains that the demo trains an adapter for.
public enum DemoDomain: String, CaseIterable, Sendable, Codable {
  case math, code, qa
}

/// How an answer is judged.
public enum Check: Sendable, Codable, Equatable {
  /// The answer is this number, in whatever form it is written.
  case number(Double)
  /// A Python function in the answer gives the expected result on every case.
  case code([CodeCase])
  /// The answer names one of `accepted` and settles on none of `distractors` (the passage's other
  /// candidates). `passage` is the text asked about, so that a copy of it is not taken for an answer.
  case text(accepted: [String], distractors: [String], passage: String)
}

/// One call of the wanted function: Python literals, e.g. `[1, 2, 3]` → `6`.
public struct CodeCase: Sendable, Codable, Equatable {
  public var argument: String
  public var expected: String

  public init(argument: String, expected: String) {
    self.argument = argument
    self.expected = expected
  }
}

/// A prompt, the reference response in the domain's one style, and how to judge another response.
public struct DemoItem: Sendable, Codable, Equatable {
  public var prompt: String
  public var response: String
  public var domain: DemoDomain
  public var check: Check
  /// The sentence templates that the prompt was filled from. No template of a held-out item occurs in any
  /// training item.
  public var phrasings: [String]
  /// What was composed (`equation a(x+b)=c in y`, `sum of squares of even numbers`). No combination of a
  /// held-out item occurs in any training item.
  public var combination: String
}

/// A prompt that needs two domains, with a reference answer in both domains' styles.
public struct CompoundItem: Sendable, Codable, Equatable {
  public var prompt: String
  public var response: String
  /// The domains needed, the one that answers first standing first.
  public var domains: [DemoDomain]
}
