import Foundation

/// A LoRA adapter's `adapter_config.json`, as PEFT writes and reads it.
///
/// Members that PEFT has and that do not change what the adapter computes are passed over; those that do, and
/// that are not computed here, are refused when the file is read.
/// Source: PEFT 0.21, `peft/tuners/lora/config.py`.
public struct PEFTConfiguration: Sendable, Codable, Equatable {
  /// `r`, for every module that `rankPattern` does not name.
  public var rank: Int
  /// `lora_alpha`, for every module that `alphaPattern` does not name.
  public var alpha: Double
  public var targetModules: ModuleSelector
  public var excludeModules: ModuleSelector?
  /// `lora_dropout`, used in training only.
  public var dropout: Double
  /// `bias`: written as `none`. Others are read where no bias was saved, as on a base that has none.
  public var bias: String
  /// Whether the scale is α/√r instead of α/r (arXiv 2312.03732).
  public var useRSLoRA: Bool
  /// Whether each site has a magnitude for each row of the whole (DoRA, arXiv 2402.09353).
  public var useDoRA: Bool
  /// Ranks of single modules, by name or pattern.
  public var rankPattern: [String: Int]
  /// Alphas of single modules, by name or pattern.
  public var alphaPattern: [String: Double]
  public var layersToTransform: [Int]?
  public var layersPattern: [String]
  /// Whether the base keeps its matrices transposed; of no effect for linear layers.
  public var fanInFanOut: Bool
  public var taskType: String?
  public var baseModelNameOrPath: String?

  public init(
    rank: Int, alpha: Double, targetModules: ModuleSelector, excludeModules: ModuleSelector? = nil,
    dropout: Double = 0, bias: String = "none", useRSLoRA: Bool = false, useDoRA: Bool = false,
    rankPattern: [String: Int] = [:], alphaPattern: [String: Double] = [:], layersToTransform: [Int]? = nil,
    layersPattern: [String] = [], fanInFanOut: Bool = false, taskType: String? = "CAUSAL_LM",
    baseModelNameOrPath: String? = nil
  ) {
    self.rank = rank
    self.alpha = alpha
    self.targetModules = targetModules
    self.excludeModules = excludeModules
    self.dropout = dropout
    self.bias = bias
    self.useRSLoRA = useRSLoRA
    self.useDoRA = useDoRA
    self.rankPattern = rankPattern
    self.alphaPattern = alphaPattern
    self.layersToTransform = layersToTransform
    self.layersPattern = layersPattern
    self.fanInFanOut = fanInFanOut
    self.taskType = taskType
    self.baseModelNameOrPath = baseModelNameOrPath
  }

  /// The rank of the module at `path`. Throws ``FormatError`` for a pattern that cannot be used.
  public func rank(at path: String) throws -> Int { try Self.only(in: rankPattern, for: path) ?? rank }

  /// The alpha of the module at `path`. Throws ``FormatError`` for a pattern that cannot be used.
  public func alpha(at path: String) throws -> Double { try Self.only(in: alphaPattern, for: path) ?? alpha }

  /// The factor before B·A at `path`: α/r, or α/√r with `useRSLoRA`.
  public func scale(at path: String) throws -> Double {
    let rank = Double(try rank(at: path))
    return try alpha(at: path) / (useRSLoRA ? rank.squareRoot() : rank)
  }

  /// PEFT takes the first key that matches in the order of the file. JSON objects have no order, so keys that
  /// disagree about a module are refused.
  package static func only<Value: Equatable>(
    in pattern: [String: Value], for path: String
  ) throws -> Value? {
    var found: (key: String, value: Value)?
    for (key, value) in pattern.sorted(by: { $0.key < $1.key }) {
      guard try ModulePattern(key, file: fileName).matchesEnd(of: ModulePath.module(of: path)) else {
        continue
      }
      if let found, found.value != value {
        throw FormatError.unsupported(
          file: fileName, place: "patterns \(quoted(found.key)) and \(quoted(key))",
          feature: "two different values for the module \(quoted(path))", mend: "leave one of them")
      }
      found = (key, value)
    }
    return found?.value
  }

  static let fileName = "adapter_config.json"
}
