import MotetFormats

/// Which layers of a model see a window alone, as `layer_types` of `config.json` says it.
struct LayerTypes {
  static let full = "full_attention"
  static let sliding = "sliding_attention"

  let names: [String]

  /// - Parameter usual: the type of a layer where the file says nothing
  /// - Throws: `FormatError` for a type that is not known, or another number of types than layers
  init(_ fields: ConfigurationFields, layers: Int, or usual: (Int) -> String = { _ in full }) throws {
    guard let value = fields.present("layer_types") else {
      names = (0..<layers).map(usual)
      return
    }
    guard let found = value.stringsValue, found.count == layers else {
      throw fields.malformed("layer_types", "it is not a list of \(layers) names")
    }
    if let other = found.first(where: { $0 != Self.full && $0 != Self.sliding }) {
      throw fields.unsupported(
        "layer_types", "layers of the type \(quoted(other))",
        mend: "use a model whose layers have \(Self.full) or \(Self.sliding)")
    }
    names = found
  }

  subscript(layer: Int) -> String { names[layer] }

  func isSliding(_ layer: Int) -> Bool { names[layer] == Self.sliding }
}

extension ConfigurationFields {
  /// `sliding_window`, which is positive; nil where there is none.
  func window() throws -> Int? {
    guard let window = try optionalInt("sliding_window") else { return nil }
    guard window > 0 else { throw malformed("sliding_window", "\(window) is not positive") }
    return window
  }
}
