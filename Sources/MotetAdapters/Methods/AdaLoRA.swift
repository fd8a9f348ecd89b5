import MotetModels
import MotetTensor

/// ΔW = s·P·Λ·Q with Λ diagonal, whose smallest parts are set to zero on the way by their importance (Zhang et al. 2023,
/// arXiv 2303.10512): each site begins with more ranks than it can keep, and all together keep `rank` a site on
/// average.
///
/// P, Λ and Q are PEFT's `lora_B`, `lora_E` and `lora_A`; s = α/(r + 10⁻⁵) as there. Saved is a plain LoRA of the ranks
/// that are left, with Λ in B; or, with `--format adalora`, PEFT's own form.
public struct AdaLoRA: LowRankMethod, Equatable {
  public static let name = "adalora"
  public static let title = "an update P·Λ·Q whose ranks are given to the sites by importance, in a budget"
  public static let source = "Zhang et al. 2023, arXiv 2303.10512"
  public static let learningRate = 1e-2
  public static let sharedOptions: Set<SharedOption> = [.rank, .alpha, .targets, .layers, .dropout]
  public static let standards: [SharedOption: String] = [.alpha: "twice --init-rank"]
  public static let options = [
    MethodOption(
      "init-rank", "R", "The rank each site begins with; --rank is what they keep on average (1.5·rank)."),
    MethodOption("tinit", "STEPS", "Steps before ranks are taken away (a tenth of the run)."),
    MethodOption("tfinal", "STEPS", "Steps after the last ranks were taken away (three tenths)."),
    MethodOption("delta-t", "STEPS", "Take ranks away so often (1)."),
    MethodOption("beta1", "β", "How much of the importance of a weight is that of earlier steps (0.85)."),
    MethodOption("beta2", "β", "The same for how uncertain it is (0.85)."),
    MethodOption("orthogonality", "γ", "The weight of the penalty that keeps P and Q orthogonal (0.5)."),
    MethodOption("format", "lora|adalora", "Save a plain LoRA, or PEFT's AdaLoRA (lora)."),
  ]

  /// Its rank is that each site begins with.
  public var shape: LoRA
  /// What the sites keep on average.
  public var target: Int
  /// nil takes a tenth of the run.
  public var warmup: Int?
  /// nil takes three tenths.
  public var final: Int?
  public var interval: Int
  public var beta1: Double
  public var beta2: Double
  public var orthogonality: Double
  public var savesPEFTForm: Bool

  /// - Parameter shape: its rank is that each site begins with
  public init(
    _ shape: LoRA = LoRA(rank: 24), target: Int = 16, warmup: Int? = nil, final: Int? = nil,
    interval: Int = 1,
    beta1: Double = 0.85, beta2: Double = 0.85, orthogonality: Double = 0.5, savesPEFTForm: Bool = false
  ) {
    self.shape = shape
    self.target = target
    self.warmup = warmup
    self.final = final
    self.interval = interval
    self.beta1 = beta1
    self.beta2 = beta2
    self.orthogonality = orthogonality
    self.savesPEFTForm = savesPEFTForm
  }

  public init(_ settings: MethodSettings) throws {
    let rank = settings.shape.rank
    var shape = settings.shape
    shape.rank = try settings.integer("init-rank", or: rank + (rank + 1) / 2, within: 1...65_536)
    if !settings.given.contains(.alpha) { shape.alpha = Double(2 * shape.rank) }
    let steps = 0...1_000_000_000
    func some(_ key: String) throws -> Int? {
      settings.own[key] == nil ? nil : try settings.integer(key, or: 0, within: steps)
    }
    let below1 = 1e-6...1 - 1e-6
    self.init(
      shape, target: rank, warmup: try some("tinit"), final: try some("tfinal"),
      interval: try settings.integer("delta-t", or: 1, within: 1...steps.upperBound),
      beta1: try settings.number("beta1", or: 0.85, within: below1),
      beta2: try settings.number("beta2", or: 0.85, within: below1),
      orthogonality: try settings.number("orthogonality", or: 0.5, within: 0...1000),
      savesPEFTForm: try settings.choice("format", or: "lora", among: ["lora", "adalora"]) == "adalora")
    guard target <= shape.rank else {
      throw MethodError.option(
        "init-rank", value: "\(shape.rank)", expected: "at least --rank, which is \(target)")
    }
  }

  public var settings: [String: String] {
    var settings = shape.settings.filter { $0.key != "init" }
    settings.merge([
      "rank": "\(target)", "init-rank": "\(shape.rank)", "tinit": warmup.map { "\($0)" } ?? "a tenth",
      "tfinal": final.map { "\($0)" } ?? "three tenths", "delta-t": "\(interval)", "beta1": "\(beta1)",
      "beta2": "\(beta2)", "orthogonality": "\(orthogonality)", "format": savesPEFTForm ? "adalora" : "lora",
    ]) { $1 }
    return settings
  }

  public var summary: String { "adalora, rank \(shape.rank) to \(target)" }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    let sites = try sites(of: base)
    guard (1...shape.rank).contains(target) else {
      throw LoRAError.rank(target, site: "adalora", limit: shape.rank)
    }
    var starts: [String: AdaLoRAFactors] = [:]
    for site in sites {
      var generator = SeededGenerator(seed: seed, for: site.path)
      func draw(_ count: Int) -> [Float] { (0..<count).map { _ in Float(0.02 * generator.normal()) } }
      starts[site.path] = AdaLoRAFactors(
        q: draw(shape.rank * site.inputs), values: [Float](repeating: 0, count: shape.rank),
        p: draw(site.outputs * shape.rank))
    }
    return TrainableAdaLoRA(starts, on: base, method: self)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    throw MethodError.notContinued(
      method: Self.name,
      reason: "its budget is for ranks that begin equal, and these were chosen; go on with --method lora")
  }
}

/// The parts of one site's update: `lora_A`, `lora_E` and `lora_B` in PEFT.
struct AdaLoRAFactors: Sendable, Equatable {
  /// Q, `[rank, inputs]`
  var q: [Float]
  /// Λ's diagonal, `[rank]`
  var values: [Float]
  /// P, `[outputs, rank]`
  var p: [Float]
}
