import MotetFormats

/// A kind of normalizer, pre-tokenizer, post-processor or decoder.
protocol PipelineStep: Sendable {
  /// The name of the kind in `tokenizer.json`.
  static var type: String { get }
  /// Reads the step's options.
  init(_ fields: StepFields) throws
  /// The options as `tokenizer.json` writes them.
  var fields: [String: JSONValue] { get }
}

extension PipelineStep {
  /// The step as `tokenizer.json` writes it.
  var json: JSONValue { .object(fields.merging(["type": .string(Self.type)]) { first, _ in first }) }
}

/// The kinds of one part of a tokenizer.
struct StepKinds<Step>: Sendable {
  /// What a step is called: `normalizer`.
  let what: String
  /// The member of `Sequence` that lists the steps: `normalizers`.
  let list: String
  let kinds: [any PipelineStep.Type]

  /// More steps than any tokenizer has.
  private static var maximumCount: Int { 256 }

  init(_ what: String, list: String, _ kinds: [any PipelineStep.Type]) {
    self.what = what
    self.list = list
    self.kinds = kinds
  }

  /// The steps that `fields` describe: one, or those of a `Sequence` in their order.
  func read(_ fields: StepFields) throws -> [Step] {
    let type = try fields.string("type")
    if type == "Sequence" {
      let steps = try fields.list(list).flatMap(read)
      guard steps.count <= Self.maximumCount else {
        throw fields.unsupported("more than \(Self.maximumCount) steps of one sort")
      }
      return steps
    }
    guard let kind = kinds.first(where: { $0.type == type }) else {
      let known = kinds.map { $0.type }.joined(separator: ", ")
      throw fields.unsupported("the \(what) '\(type)' (known are Sequence, \(known))")
    }
    return [try Self.make(kind, fields)].compactMap { $0 as? Step }
  }

  private static func make(_ kind: any PipelineStep.Type, _ fields: StepFields) throws -> any PipelineStep {
    try kind.init(fields)
  }

  /// Several steps as `tokenizer.json` writes them: null for none, a `Sequence` for more than one.
  func json(_ steps: [any PipelineStep]) -> JSONValue {
    switch steps.count {
    case 0: .null
    case 1: steps[0].json
    default: .object(["type": .string("Sequence"), list: .array(steps.map(\.json))])
    }
  }
}
