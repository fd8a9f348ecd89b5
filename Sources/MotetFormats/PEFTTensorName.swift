/// What a tensor in an adapter's file stands for, whichever program saved it.
///
///     base_model.model.model.layers.3.mlp.up_proj.lora_A.weight            as PEFT saves it
///     base_model.model.model.layers.3.mlp.up_proj.lora_A.default.weight    with the adapter's name, as it is in memory
///     module.model.layers.3.mlp.up_proj.lora_A.weight                      from a wrapped model, without PEFT's own
///     base_model.model.lm_head.base_layer.weight                           a tensor of the base, saved along
///
/// Source: PEFT 0.21, `peft/utils/save_and_load.py` and `peft/utils/other.py`.
enum PEFTTensorName: Equatable {
  /// A parameter of the adapter at a module, `model.layers.3.mlp.up_proj`: `lora_A.weight`.
  case part(module: String, parameter: String, adapter: String?)
  /// A tensor of the base itself: `lm_head.weight`.
  case whole(String)
  /// Neither; the name stands for itself.
  case other

  /// What torch.compile, FSDP and data-parallel training put into names.
  private static let wrappers: Set<Substring> = [
    "module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
  ]
  private static let tails: Set<Substring> = ["weight", "bias"]

  init(_ name: String) {
    var words = name.split(separator: ".", omittingEmptySubsequences: false)
      .filter { !Self.wrappers.contains($0) }
    if words.first == "base_model" {
      words.removeFirst()
      if words.first == "model" { words.removeFirst() }
    }
    if let place = words.firstIndex(where: Self.isParameter), place > 0 {
      self = Self.part(words, at: place) ?? .other
    } else if let tail = words.last, Self.tails.contains(tail), words.count > 1 {
      var module = words.dropLast()
      if let saved = module.firstIndex(of: "modules_to_save"), saved >= module.count - 2 {
        module = module[..<saved]
      } else if let last = module.last, last == "base_layer" || last == "original_module" {
        module = module.dropLast()
      }
      let path = module.joined(separator: ".")
      self = path.isEmpty ? .other : .whole("\(path).\(tail)")
    } else {
      self = .other
    }
  }

  private static func part(_ words: [Substring], at place: Int) -> PEFTTensorName? {
    var rest = words[(place + 1)...]
    var parameter = String(words[place])
    if let tail = rest.last, tails.contains(tail) {
      rest = rest.dropLast()
      parameter += ".\(tail)"
    }
    guard rest.count < 2 else { return nil }
    return .part(
      module: words[..<place].joined(separator: "."), parameter: parameter,
      adapter: rest.first.map(String.init))
  }

  private static func isParameter(_ word: Substring) -> Bool {
    word.hasPrefix("lora_") || word.hasPrefix("vera_lambda_") || word == "ia3_l"
  }

  /// Whether a name is as PEFT saves most of them. Names are compared by their bytes: taking them apart takes many times
  /// as long.
  private static func isPlain(_ name: String) -> Bool {
    let (bytes, tail) = (name.utf8, "lora_A.weight".utf8.count)
    guard bytes.starts(with: "base_model.model.model.layers.".utf8), bytes.count > tail else { return false }
    let end = bytes.suffix(tail)
    return (end.elementsEqual("lora_A.weight".utf8) || end.elementsEqual("lora_B.weight".utf8))
      && bytes.count { $0 == UInt8(ascii: ".") } == 8
  }

  /// The tensors of a file by the name that PEFT saves a parameter under, and those of the base that were saved along, by
  /// Hugging Face's name.
  /// - Throws: ``FormatError`` for several adapters in one file, two tensors for one parameter, or a bias
  static func sort(
    _ file: SafetensorsFile, place: String
  ) throws -> (own: [String: StoredTensor], savedAlong: [String: StoredTensor]) {
    var own: [String: StoredTensor] = [:]
    var savedAlong: [String: StoredTensor] = [:]
    var adapters: Set<String> = []
    func add(_ tensor: StoredTensor, as canonical: String) throws {
      guard let other = own.updateValue(tensor, forKey: canonical) else { return }
      throw FormatError.malformed(
        file: place, place: "tensor \(quoted(tensor.name))",
        problem: "\(quoted(other.name)) is the same parameter",
        mend: "save the adapter again")
    }
    for name in file.names {
      let tensor = try file.tensor(name)
      if isPlain(name) {
        try add(tensor, as: name)
        continue
      }
      switch PEFTTensorName(name) {
      case .part(let module, let parameter, let adapter):
        if let adapter { adapters.insert(adapter) }
        guard adapters.count < 2 else {
          throw FormatError.unsupported(
            file: place, place: "header",
            feature: "several adapters in one file (\(FolderContents.list(adapters.sorted())))",
            mend: "save each in a folder of its own")
        }
        try add(tensor, as: "base_model.model.\(module).\(parameter)")
      case .whole(let name) where name.hasSuffix(".bias"):
        throw FormatError.unsupported(
          file: place, place: "tensor \(quoted(tensor.name))", feature: "a trained bias",
          mend: "train the adapter with bias=\"none\"")
      case .whole(let name): savedAlong[name] = tensor
      case .other: try add(tensor, as: name)
      }
    }
    return (own, savedAlong)
  }
}
