/// The merge methods, by name.
///
///     let merged = try Merge.method(named: "svd").merge([(math, 1), (code, 1)], rank: 16)
public enum Merge {
  /// Every method; a new one is added here.
  public static let methods: [any MergeMethod.Type] = [
    LinearMerge.self, CatMerge.self, SVDMerge.self, RegMeanMerge.self,
  ]

  public static var names: [String] { methods.map { $0.name } }

  /// - Parameter options: some of the method's options by name; the others get their standard values.
  /// - Throws: `MergeError.unknownMethod`, `.unknownOption` or `.optionOutOfRange`.
  public static func method(
    named name: String, options: [String: Double] = [:]
  ) throws -> any MergeMethod {
    guard let method = methods.first(where: { $0.name == name }) else {
      throw MergeError.unknownMethod(name: name, known: names)
    }
    for key in options.keys.sorted() where !method.options.contains(where: { $0.name == key }) {
      throw MergeError.unknownOption(name: key, method: name, known: method.options.map(\.name))
    }
    var values: [String: Double] = [:]
    for option in method.options {
      let value = options[option.name] ?? option.standard
      guard option.range.contains(value) else {
        throw MergeError.optionOutOfRange(name: option.name, value: value, range: option.range)
      }
      values[option.name] = value
    }
    return method.init(options: values)
  }
}

/// Why adapters cannot be merged.
public enum MergeError: Error, Equatable, CustomStringConvertible {
  case unknownMethod(name: String, known: [String])
  case unknownOption(name: String, method: String, known: [String])
  case optionOutOfRange(name: String, value: Double, range: ClosedRange<Double>)
  case nothingToMerge
  case noInputs(method: String, adapter: String)
  case weightNotFinite(position: Int, weight: Float)
  case rankNotTaken(method: String)
  case rankNotPositive(Int)
  case ranksDiffer(site: String, ranks: [Int])
  case shapesDiffer(site: String, first: [Int], other: [Int])

  public var description: String {
    switch self {
    case .unknownMethod(let name, let known):
      "no merge method '\(name)'; there are \(known.joined(separator: ", "))"
    case .unknownOption(let name, let method, let known):
      known.isEmpty
        ? "merge method '\(method)' has no options, so none called '\(name)'"
        : "merge method '\(method)' has no option '\(name)'; it has \(known.joined(separator: ", "))"
    case .optionOutOfRange(let name, let value, let range):
      "merge option '\(name)' is \(value); it must be from \(range.lowerBound) to \(range.upperBound)"
    case .noInputs(let method, let adapter):
      "\(method) needs rows of what each adapter was trained for, and has none for \(adapter): "
        + "add --data \(adapter)=FILE"
    case .nothingToMerge:
      "no adapters to merge; name at least one, such as code=0.5+math=0.5"
    case .weightNotFinite(let position, let weight):
      "the weight of adapter \(position) is \(weight); it must be a finite number"
    case .rankNotTaken(let method):
      "merge method '\(method)' gives a rank of its own; leave the rank out or use svd"
    case .rankNotPositive(let rank):
      "the rank is \(rank); it must be at least 1"
    case .ranksDiffer(let site, let ranks):
      "\(site): the adapters have the ranks \(ranks.map(String.init).joined(separator: ", ")); "
        + "linear adds factors of one rank only, use svd or cat"
    case .shapesDiffer(let site, let first, let other):
      "\(site): one adapter adapts a matrix of \(first) and another one of \(other); "
        + "they were made for different bases"
    }
  }
}
