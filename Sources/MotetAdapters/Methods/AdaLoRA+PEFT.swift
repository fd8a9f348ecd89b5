import Foundation
import MotetFormats

/// PEFT's form: `lora_A` `[rank, inputs]`, `lora_E` `[rank, 1]` and `lora_B` `[outputs, rank]` of the ranks that are
/// left, and a `rank_pattern` of which those were. The scale stays `lora_alpha/(init_r + 10⁻⁵)`.
///
/// What is read becomes a plain LoRA: its ranks are chosen.
/// Source: PEFT 0.21, `peft/tuners/adalora/`.
extension AdaLoRA: StoredMethod {
  package static func reads(_ members: [String: JSONValue]) -> Bool {
    members["peft_type"] == .string("ADALORA")
  }

  package static func read(_ folder: PEFTFolder) throws -> AdapterWeights {
    let fields = folder.fields
    try folder.checkTargets()
    let beginning = try fields.int("init_r")
    let alpha = try fields.double("lora_alpha", or: 8)
    guard beginning > 0, alpha.isFinite else { throw fields.malformed("init_r", "\(beginning) is no rank") }
    let scale = Float((alpha > 0 ? alpha : Double(beginning)) / (Double(beginning) + 1e-5))
    func broken(_ name: String, _ problem: String) -> FormatError {
      .malformed(
        file: folder.place.path, place: "tensor \(name)", problem: problem, mend: "save the adapter again")
    }
    var updates: [String: LowRankWeights] = [:]
    let sites = folder.sites(with: "lora_A")
    for site in sites {
      let names = ["lora_A", "lora_E", "lora_B"].map { PEFTFolder.tensorName(site, $0) }
      for name in names where !folder.contains(name) { throw broken(name, "it is missing") }
      let (a, e, b) = (try folder.tensor(names[0]), try folder.tensor(names[1]), try folder.tensor(names[2]))
      let rank = e.values.count
      guard a.shape.count == 2, b.shape.count == 2, a.shape[0] == rank, b.shape[1] == rank else {
        throw broken(names[1], "\(a.shape), \(e.shape) and \(b.shape) do not share a rank")
      }
      // A site that kept no rank adds nothing.
      if rank == 0 { continue }
      updates[site] = try LowRankWeights(
        rank: rank, inputs: a.shape[1], outputs: b.shape[0], loraA: a.values,
        loraB: b.values.enumerated().map { $1 * e.values[$0 % rank] }, scale: scale, site: site)
    }
    guard folder.names.count == 3 * sites.count else {
      throw fields.unsupported(
        "peft_type", "other tensors beside those of AdaLoRA", mend: "save the adapter without other modules")
    }
    return try AdapterWeights(
      sites: updates, baseModel: try fields.optionalString("base_model_name_or_path"))
  }

  /// What ``write(_:to:)`` writes.
  func content(of factors: [String: AdaLoRAFactors], steps: Int?) throws -> MethodContent {
    var tensors: [String: HostTensor] = [:]
    for (site, own) in factors {
      let rank = own.values.count
      for (name, shape, values) in [
        ("lora_A", [rank, own.q.count / rank], own.q), ("lora_E", [rank, 1], own.values),
        ("lora_B", [own.p.count / rank, rank], own.p),
      ] {
        tensors["\(site).\(name)"] = try HostTensor(shape: shape, values, named: "\(site).\(name)")
      }
    }
    return MethodContent(
      method: Self.name, settings: settings.merging(["steps": "\(steps ?? 1)"]) { $1 }, tensors: tensors)
  }

  package static func write(_ weights: AdapterWeights, to folder: URL) throws {
    guard let content = weights.content else { throw AdapterWeightsError.noSites }
    let sites = content.tensors.keys.filter { $0.hasSuffix(".lora_E") }.map { String($0.dropLast(7)) }
      .sorted()
    let isFresh = sites.allSatisfy { content.tensors["\($0).lora_E"]?.values.allSatisfy { $0 == 0 } ?? true }
    var tensors: [(name: String, shape: [Int], values: [Float])] = []
    var pattern: [String: JSONValue] = [:]
    var beginning = 1
    for site in sites {
      guard let a = content.tensors["\(site).lora_A"], let e = content.tensors["\(site).lora_E"],
        let b = content.tensors["\(site).lora_B"]
      else { continue }
      beginning = e.values.count
      let open = e.values.indices.filter { isFresh || e.values[$0] != 0 }
      let (inputs, outputs) = (a.shape[1], b.shape[0])
      let name = { PEFTFolder.tensorName(site, $0) }
      tensors += [
        (name("lora_A"), [open.count, inputs], open.flatMap { a.values[$0 * inputs..<($0 + 1) * inputs] }),
        (name("lora_E"), [open.count, 1], open.map { e.values[$0] }),
        (
          name("lora_B"), [outputs, open.count],
          (0..<outputs).flatMap { row in open.map { b.values[row * beginning + $0] } }
        ),
      ]
      let key = name("lora_E").dropFirst("base_model.model.".count)
      pattern[String(key)] = .array(e.values.indices.map { .bool(isFresh || e.values[$0] != 0) })
    }
    let (modules, layers) = AdapterWeights.targets(of: sites)
    func number(_ key: String, _ standard: Double) -> Double {
      content.settings[key].flatMap { Double($0) } ?? standard
    }
    let steps = max(1, Int(number("steps", 1)))
    try PEFTFolder.write(
      [
        "peft_type": .string("ADALORA"), "auto_mapping": .null, "revision": .null,
        "base_model_name_or_path": weights.baseModel.map { .string($0) } ?? .null,
        "task_type": .string("CAUSAL_LM"), "inference_mode": .bool(true), "r": .int(8),
        "lora_alpha": .number(number("alpha", Double(2 * beginning))), "init_r": .int(beginning),
        "target_r": .int(Int(number("rank", Double(beginning)))),
        "tinit": .int(Int(number("tinit", Double(steps / 10)))),
        "tfinal": .int(Int(number("tfinal", Double(3 * steps / 10)))), "total_step": .int(steps),
        "deltaT": .int(Int(number("delta-t", 1))), "beta1": .double(number("beta1", 0.85)),
        "beta2": .double(number("beta2", 0.85)), "orth_reg_weight": .double(number("orthogonality", 0.5)),
        "rank_pattern": .object(pattern), "target_modules": .array(modules.map { .string($0) }),
        "layers_to_transform": layers.map { .array($0.map { .int($0) }) } ?? .null, "layers_pattern": .null,
        "lora_dropout": .double(0), "fan_in_fan_out": .bool(false), "bias": .string("none"),
        "modules_to_save": .null, "init_lora_weights": .bool(true),
      ], tensors, to: folder)
  }
}
