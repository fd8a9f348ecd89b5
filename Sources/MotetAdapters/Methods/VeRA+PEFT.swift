import Foundation
import MotetFormats

/// PEFT's form: `vera_lambda_b` `[outputs]` and `vera_lambda_d` `[rank]` of each site, and with `save_projection` the
/// shared `base_model.vera_A` and `base_model.vera_B`. Without, they are drawn again from `projection_prng_key`.
///
/// Source: PEFT 0.21, `peft/tuners/vera/`.
extension VeRA: StoredMethod {
  private static let shared = ["vera_A", "vera_B"]

  package static func reads(_ members: [String: JSONValue]) -> Bool {
    members["peft_type"] == .string("VERA")
  }

  package static func read(_ folder: PEFTFolder) throws -> AdapterWeights {
    let fields = folder.fields
    try folder.checkTargets()
    let rank = try fields.int("r")
    let savesProjection = try fields.bool("save_projection", or: true)
    let key = try fields.int("projection_prng_key", or: 0)
    func broken(_ name: String, _ problem: String) -> FormatError {
      .malformed(
        file: folder.place.path, place: "tensor \(name)", problem: problem, mend: "save the adapter again")
    }
    var tensors: [String: HostTensor] = [:]
    func take(_ name: String, as own: String, shape: [Int?]) throws {
      guard folder.contains(name) else { throw broken(name, "it is missing") }
      let tensor = try folder.tensor(name)
      guard tensor.shape.count == shape.count,
        zip(tensor.shape, shape).allSatisfy({ $0 > 0 && ($1 == nil || $0 == $1) })
      else { throw broken(name, "its shape \(tensor.shape) does not fit the rank \(rank)") }
      tensors[own] = try HostTensor(shape: tensor.shape, tensor.values, named: name)
    }
    for site in folder.sites(with: VeRAContent.b) {
      for (name, length) in [(VeRAContent.b, nil), (VeRAContent.d, rank)] {
        try take(PEFTFolder.tensorName(site, name), as: "\(site).\(name)", shape: [length])
      }
    }
    guard !tensors.isEmpty else { throw AdapterWeightsError.noSites }
    let trained = tensors.values.reduce(0) { $0 + $1.values.count }
    if savesProjection {
      try take("base_model.vera_A", as: "vera_A", shape: [rank, nil])
      try take("base_model.vera_B", as: "vera_B", shape: [nil, rank])
    }
    guard folder.names.count == tensors.count + (savesProjection ? 0 : sharedCount(folder)) else {
      throw fields.unsupported(
        "peft_type", "other tensors beside those of VeRA", mend: "save the adapter without other modules")
    }
    return try AdapterWeights(
      sites: [:], baseModel: try fields.optionalString("base_model_name_or_path"),
      content: MethodContent(
        method: name,
        settings: ["projection-key": "\(key)", "save-projection": "\(savesProjection)"], tensors: tensors,
        trained: trained))
  }

  /// PEFT passes over shared matrices that are in a file whose configuration says they are not.
  private static func sharedCount(_ folder: PEFTFolder) -> Int {
    shared.filter { folder.contains("base_model.\($0)") }.count
  }

  package static func write(_ weights: AdapterWeights, to folder: URL) throws {
    guard let content = weights.content else { throw AdapterWeightsError.noSites }
    let names = content.tensors.keys.sorted()
    let sites = names.filter { $0.hasSuffix("." + VeRAContent.b) }
      .map { String($0.dropLast(VeRAContent.b.count + 1)) }
    let rank = sites.first.flatMap { content.tensors["\($0).\(VeRAContent.d)"]?.shape.first } ?? 0
    let (modules, layers) = AdapterWeights.targets(of: sites)
    let tensors = names.compactMap { name -> (name: String, shape: [Int], values: [Float])? in
      guard let tensor = content.tensors[name] else { return nil }
      guard !shared.contains(name) else { return ("base_model.\(name)", tensor.shape, tensor.values) }
      let words = name.split(separator: ".")
      let site = words.dropLast().joined(separator: ".")
      return (PEFTFolder.tensorName(site, String(words.last ?? "")), tensor.shape, tensor.values)
    }
    try PEFTFolder.write(
      [
        "peft_type": .string("VERA"), "auto_mapping": .null, "revision": .null,
        "base_model_name_or_path": weights.baseModel.map { .string($0) } ?? .null,
        "task_type": .string("CAUSAL_LM"), "inference_mode": .bool(true), "r": .int(rank),
        "target_modules": .array(modules.map { .string($0) }),
        "layers_to_transform": layers.map { .array($0.map { .int($0) }) } ?? .null,
        "layers_pattern": .null,
        "projection_prng_key": .int(Int(content.settings["projection-key"] ?? "") ?? 0),
        "save_projection": .bool(content.settings["save-projection"] != "false"),
        "vera_dropout": .double(0), "d_initial": .double(0.1), "fan_in_fan_out": .bool(false),
        "bias": .string("none"), "modules_to_save": .null, "init_weights": .bool(true),
      ], tensors, to: folder)
  }
}
