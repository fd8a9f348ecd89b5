import Foundation

extension PEFTConfiguration {
  /// Reads `adapter_config.json` in `folder`. Throws ``FormatError`` for a missing or impossible part, or for
  /// a method that is not plain LoRA.
  public init(contentsOf folder: URL) throws {
    try self.init(ConfigurationFields(adapter: folder))
  }

  init(_ fields: ConfigurationFields) throws {
    try Self.refuseUncomputed(fields)
    guard let targets = try ModuleSelection.selector("target_modules", fields) else {
      throw fields.malformed("target_modules", "it is missing")
    }
    let layers = try fields.ints("layers_to_transform")
    self.init(
      rank: try fields.int("r"), alpha: try fields.double("lora_alpha", or: 8), targetModules: targets,
      excludeModules: try ModuleSelection.selector("exclude_modules", fields),
      dropout: try fields.double("lora_dropout", or: 0),
      useRSLoRA: try fields.bool("use_rslora", or: false), useDoRA: try fields.bool("use_dora", or: false),
      rankPattern: try Self.ranks(fields), alphaPattern: try fields.numbers("alpha_pattern"),
      layersToTransform: fields.present("layers_to_transform") == nil ? nil : layers,
      layersPattern: try fields.strings("layers_pattern"),
      fanInFanOut: try fields.bool("fan_in_fan_out", or: false),
      taskType: try fields.optionalString("task_type"),
      baseModelNameOrPath: try fields.optionalString("base_model_name_or_path"))
    try validate(fields)
  }

  private func validate(_ fields: ConfigurationFields) throws {
    for (name, value) in [("r", rank)] + rankPattern.map({ ("rank_pattern", $0.value) }) {
      guard (1...65_536).contains(value) else {
        throw fields.malformed(name, "the rank \(value) is not within 1 to 65536")
      }
    }
    for value in [alpha] + alphaPattern.values {
      guard value.isFinite, abs(value) < 1e9 else {
        throw fields.malformed("lora_alpha", "\(value) is absurd")
      }
    }
    guard (0..<1).contains(dropout) else {
      throw fields.malformed("lora_dropout", "\(dropout) is not within 0 to 1")
    }
  }

  private static func ranks(_ fields: ConfigurationFields) throws -> [String: Int] {
    try fields.numbers("rank_pattern").mapValues { value in
      guard let rank = Int(exactly: value) else {
        throw fields.malformed("rank_pattern", "the rank \(value) is no whole number")
      }
      return rank
    }
  }

  /// What changes the adapter's meaning and is not plain LoRA on linear layers.
  private static func refuseUncomputed(_ fields: ConfigurationFields) throws {
    let type = try fields.string("peft_type")
    guard type == "LORA" else {
      throw fields.unsupported("peft_type", "the method \(quoted(type))", mend: "use a LoRA adapter")
    }
    let plain = "use a plain LoRA adapter"
    let refused: [(name: String, feature: String, mend: String)] = [
      ("use_qalora", "QA-LoRA", plain), ("lora_bias", "a bias on lora_B", plain),
      ("trainable_token_indices", "trained token embeddings", plain),
      ("layer_replication", "replicated layers", plain),
      ("target_parameters", "LoRA on bare parameters", plain),
      ("alora_invocation_tokens", "activated LoRA", plain), ("use_bdlora", "block-diagonal LoRA", plain),
      ("arrow_config", "Arrow routing", plain), ("kasa_config", "KaSA", plain),
      ("monteclora_config", "MonteCLoRA", plain), ("megatron_config", "Megatron", plain),
    ]
    for (name, feature, mend) in refused {
      if let value = fields.members[name], !value.isAbsent {
        throw fields.unsupported(name, feature, mend: mend)
      }
    }
    // These initialisations change the base itself, so the adapter fits only the base they left.
    let initialization = fields.members["init_lora_weights"]?.stringValue?.lowercased() ?? ""
    for method in ["pissa", "olora", "corda", "loftq", "lora_ga"] where initialization.hasPrefix(method) {
      throw fields.unsupported(
        "init_lora_weights", "an adapter whose base was changed by \(method)",
        mend: "save it with PEFT's path_initial_model_for_weight_conversion")
    }
  }

  /// An `adapter_config.json` that PEFT loads, old and new.
  public func json() -> Data {
    let members: [String: JSONValue] = [
      "peft_type": .string("LORA"),
      "auto_mapping": .null,
      "base_model_name_or_path": baseModelNameOrPath.map { .string($0) } ?? .null,
      "revision": .null,
      "task_type": taskType.map { .string($0) } ?? .null,
      "inference_mode": .bool(true),
      "r": .int(rank),
      "lora_alpha": .number(alpha),
      "target_modules": Self.value(of: targetModules),
      "exclude_modules": excludeModules.map(Self.value) ?? .null,
      "lora_dropout": .double(dropout),
      "fan_in_fan_out": .bool(fanInFanOut),
      "bias": .string(bias),
      "use_rslora": .bool(useRSLoRA),
      "use_dora": .bool(useDoRA),
      "modules_to_save": .null,
      "init_lora_weights": .bool(true),
      "layers_to_transform": layersToTransform.map { .array($0.map { .int($0) }) } ?? .null,
      "layers_pattern": layersPattern.isEmpty ? .null : .array(layersPattern.map { .string($0) }),
      "rank_pattern": .object(rankPattern.mapValues { .int($0) }),
      "alpha_pattern": .object(alphaPattern.mapValues { .number($0) }),
    ]
    return Data((JSONValue.object(members).text(indent: 2) + "\n").utf8)
  }

  private static func value(of selector: ModuleSelector) -> JSONValue {
    switch selector {
    case .list(let names): .array(names.map { .string($0) })
    case .allLinear: .string("all-linear")
    case .pattern(let text): .string(text)
    }
  }
}
