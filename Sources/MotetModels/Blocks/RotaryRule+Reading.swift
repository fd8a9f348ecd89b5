import Foundation
import MotetFormats

extension RotaryRule {
  /// What a `config.json` says: transformers 4 writes `rope_theta` and `rope_scaling`, transformers 5 `rope_parameters` with
  /// both inside, for each type of layers where a model has several.
  /// - Parameters:
  ///   - dimensions: how many dimensions of a head are rotated
  ///   - positions: the model's context
  ///   - layers: the type of layers (`full_attention`) of a model that has several
  ///   - theta: the base where the file names none
  /// - Throws: ``FormatError`` that names the member
  init(
    _ fields: ConfigurationFields, dimensions: Int, positions: Int, layers: String? = nil,
    theta: Double = 10_000
  ) throws {
    self.init(theta: try fields.double("rope_theta", or: theta), dimensions: dimensions)
    for name in ["rope_scaling", "rope_parameters"] {
      guard let value = fields.present(name) else { continue }
      guard case .object(var members) = value else { throw fields.malformed(name, "it is not an object") }
      if let layers, case .object(let own)? = members[layers] { members = own }
      let own = ConfigurationFields(file: fields.file, members: members, within: name)
      if let theta = own.present("rope_theta") {
        guard let number = theta.doubleValue else { throw own.malformed("rope_theta", "it is not a number") }
        self.theta = number
      }
      try read(own, fields, positions: positions)
    }
    guard self.theta.isFinite, self.theta > 1 else {
      throw fields.malformed("rope_theta", "\(self.theta) is not a number above 1")
    }
  }

  private mutating func read(
    _ own: ConfigurationFields, _ fields: ConfigurationFields, positions: Int
  ) throws {
    let type = try own.optionalString("rope_type") ?? own.optionalString("type") ?? "default"
    let original =
      try own.optionalInt("original_max_position_embeddings")
      ?? fields.optionalInt("original_max_position_embeddings") ?? positions
    guard original > 0 else {
      throw own.malformed("original_max_position_embeddings", "\(original) is not positive")
    }
    switch type {
    case "default", "none": try own.requirePlainRotation()
    case "linear": scaling = .linear(factor: try own.factor("factor"))
    case "dynamic":
      _ = try own.factor("factor")
      scaling = .dynamic(original: original)
    case "llama3":
      let (low, high) = (try own.factor("low_freq_factor"), try own.factor("high_freq_factor"))
      guard high > low else { throw own.malformed("high_freq_factor", "it is not above low_freq_factor") }
      scaling = .llama3(factor: try own.factor("factor"), low: low, high: high, original: original)
    case "yarn":
      var yarn = Yarn(factor: try own.factor("factor"), original: original)
      yarn.fast = try own.double("beta_fast", or: 32)
      yarn.slow = try own.double("beta_slow", or: 1)
      yarn.truncates = try own.bool("truncate", or: true)
      guard yarn.fast > 0, yarn.slow > 0 else { throw own.malformed("beta_slow", "it is not positive") }
      scaling = .yarn(yarn)
      factor = try own.yarnFactor(yarn.factor)
    case "longrope", "su":
      let short = try own.divisors("short_factor", dimensions / 2)
      _ = try own.divisors("long_factor", dimensions / 2)
      scaling = .longrope(short: short, original: original)
      let stretch = Double(positions) / Double(original)
      let usual = stretch > 1 ? (1 + log(stretch) / log(Double(original))).squareRoot() : 1
      factor = try own.double("attention_factor", or: usual)
    default:
      throw own.unsupported(
        "rope_type", "RoPE scaling of type \(quoted(type))",
        mend: "use a model scaled by default, linear, dynamic, llama3, yarn or longrope")
    }
    guard factor.isFinite, factor > 0 else { throw own.malformed("attention_factor", "it is not positive") }
  }
}

extension ConfigurationFields {
  /// A factor of a scaling, which stretches and never shrinks to nothing.
  fileprivate func factor(_ name: String) throws -> Double {
    guard present(name) != nil else { throw malformed(name, "it is missing") }
    let value = try double(name, or: 1)
    guard value.isFinite, value > 0 else { throw malformed(name, "\(value) is not positive") }
    return value
  }

  fileprivate func divisors(_ name: String, _ count: Int) throws -> [Double] {
    guard case .array(let elements)? = present(name) else { throw malformed(name, "it is not a list") }
    let numbers = elements.compactMap(\.doubleValue)
    guard numbers.count == elements.count, numbers.count == count, numbers.allSatisfy({ $0 > 0 }) else {
      throw malformed(name, "it is not a list of \(count) positive numbers")
    }
    return numbers
  }

  fileprivate func yarnFactor(_ scale: Double) throws -> Double {
    if present("attention_factor") != nil { return try double("attention_factor", or: 1) }
    let (own, all) = (try double("mscale", or: 0), try double("mscale_all_dim", or: 0))
    guard own != 0, all != 0 else { return RotaryRule.Yarn.factor(scale) }
    return RotaryRule.Yarn.factor(scale, own) / RotaryRule.Yarn.factor(scale, all)
  }

  /// Refuses members beside a type of `default` that say the opposite.
  fileprivate func requirePlainRotation() throws {
    // A context length that nothing is scaled to changes nothing.
    let known: Set<String> = [
      "rope_type", "type", "rope_theta", "partial_rotary_factor", "original_max_position_embeddings",
    ]
    for (member, value) in members.sorted(by: { $0.key < $1.key })
    where !known.contains(member) && value != .null {
      if ["factor", "attention_factor"].contains(member), value.doubleValue == 1 { continue }
      throw unsupported(
        member, "RoPE scaling with \(quoted(member)) (\(value.brief)) and no type of scaling",
        mend: "name the type with rope_type, or take \(quoted(member)) out if nothing is scaled")
    }
  }
}
