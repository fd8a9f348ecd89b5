import Foundation
import MotetFormats

extension RotaryRule {
  /// The rotation of a GGUF file as `rope_parameters` of a `config.json`.
  ///
  /// llama.cpp takes a factor without a type for linear scaling (`llama_model::load_hparams`), and `rope.scale_linear` is
  /// that factor's older name. Divisors of the frequencies stand in tensors: `rope_freqs.weight` of Llama 3's scaling,
  /// `rope_factors_short.weight` and `rope_factors_long.weight` of LongRoPE.
  /// - Throws: ``FormatError`` for a scaling that is not known
  static func members(_ keys: GGUFKeys, theta: Double = 10_000) throws -> JSONValue {
    let positions = try keys.int(keys.own("context_length"))
    let base = try keys.double(keys.own("rope.freq_base"), or: theta)
    var members: [String: JSONValue] = ["rope_theta": .double(base), "rope_type": .string("default")]
    let scaling = keys.own("rope.scaling.type")
    let type = keys.value(scaling)?.string
    let original = try keys.int(keys.own("rope.scaling.original_context_length"), or: positions)
    func scale(_ type: String, _ more: [String: JSONValue]) {
      members["rope_type"] = .string(type)
      members.merge(more) { _, new in new }
    }
    switch type {
    case nil, "none", "linear":
      for name in ["rope.scaling.factor", "rope.scale_linear"] where type != "none" {
        let factor = try keys.double(keys.own(name), or: 1)
        // 0 is llama.cpp's "not given".
        guard factor != 0, factor != 1 else { continue }
        scale("linear", ["factor": .double(factor)])
      }
    case "yarn":
      let factor = try keys.double(keys.own("rope.scaling.factor"))
      scale("yarn", ["factor": .double(factor), "original_max_position_embeddings": .int(original)])
      if let own = try keys.optionalDouble(keys.own("rope.scaling.attn_factor")), own != 0, own != 1 {
        members["attention_factor"] = .double(own * Yarn.factor(factor))
      }
    case "longrope":
      scale("longrope", ["original_max_position_embeddings": .int(original)])
      if let own = try keys.optionalDouble(keys.own("rope.scaling.attn_factor")), own != 0 {
        members["attention_factor"] = .double(own)
      }
    case let type?:
      throw keys.unsupported(
        scaling, "RoPE scaling of type \(quoted(type))",
        mend: "use a model scaled by linear, yarn or longrope")
    }
    try addStoredFactors(keys, base, positions: positions, original: original, to: &members)
    return .object(members)
  }

  private static func addStoredFactors(
    _ keys: GGUFKeys, _ theta: Double, positions: Int, original: Int, to members: inout [String: JSONValue]
  ) throws {
    func factors(_ name: String) throws -> [Float]? {
      guard keys.file.contains(name) else { return nil }
      return try keys.file.tensor(name).floats()
    }
    func list(_ values: [Float]) -> JSONValue {
      .array(values.map { .double(Double($0.description) ?? Double($0)) })
    }
    if let short = try factors("rope_factors_short.weight"),
      let long = try factors("rope_factors_long.weight")
    {
      members["rope_type"] = .string("longrope")
      members["short_factor"] = list(short)
      members["long_factor"] = list(long)
      members["original_max_position_embeddings"] = .int(original)
      return
    }
    // Some converters write ones.
    guard let divisors = try factors("rope_freqs.weight"), !divisors.allSatisfy({ $0 == 1 }) else { return }
    let plain = RotaryRule(theta: theta, dimensions: 2 * divisors.count).frequencies
    let factor = Double(divisors.max() ?? 1).rounded()
    // Llama 3.1 and 3.2 say so.
    var llama3 = RotaryRule(theta: theta, dimensions: 2 * divisors.count)
    llama3.scaling = .llama3(factor: factor, low: 1, high: 4, original: 8192)
    let known = zip(plain, llama3.frequencies).map { $0 / $1 }
    if zip(known, divisors).allSatisfy({ abs($0 - $1) <= 1e-3 * abs($1) }) {
      members.merge([
        "rope_type": .string("llama3"), "factor": .double(factor), "low_freq_factor": .double(1),
        "high_freq_factor": .double(4), "original_max_position_embeddings": .int(8192),
      ]) { _, new in new }
    } else {
      members.merge([
        "rope_type": .string("longrope"), "short_factor": list(divisors), "long_factor": list(divisors),
        "attention_factor": .double(1), "original_max_position_embeddings": .int(positions),
      ]) { _, new in new }
    }
  }
}
