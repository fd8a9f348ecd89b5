import Foundation

/// A LoRA adapter's folder as PEFT writes it: `adapter_config.json` and `adapter_model.safetensors`.
///
/// A site `layers.3.self_attn.q_proj` is the pair
/// `base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight` (`[rank, in]`) and `….lora_B.weight`
/// (`[out, rank]`); DoRA's has `….lora_magnitude_vector` (`[out]`) beside it. Source: PEFT 0.21, `peft/utils/save_and_load.py`.
public struct PEFTAdapterFile {
  /// The low-rank pair of one adapted matrix.
  public struct Site: Sendable, Equatable {
    /// The module's place in the decoder: `layers.3.self_attn.q_proj`, or `lm_head`.
    public let path: String
    public let rank: Int
    /// Input width.
    public let `in`: Int
    /// Output width.
    public let out: Int
    /// Row-major `[rank, in]`.
    public let loraA: [Float]
    /// Row-major `[out, rank]`.
    public let loraB: [Float]
    /// Of DoRA, `[out]`.
    public let magnitudes: [Float]?

    public init(
      path: String, rank: Int, in: Int, out: Int, loraA: [Float], loraB: [Float], magnitudes: [Float]? = nil
    ) {
      self.path = path
      self.rank = rank
      self.in = `in`
      self.out = out
      self.loraA = loraA
      self.loraB = loraB
      self.magnitudes = magnitudes
    }
  }

  static let weightsName = "adapter_model.safetensors"
  private static let root = "base_model.model."
  private static let suffixA = ".lora_A.weight"
  private static let suffixB = ".lora_B.weight"
  /// As PEFT saves it; in memory, and in files of before 0.9, it ends with `.weight`.
  private static let suffixM = ".lora_magnitude_vector"

  /// Reads the adapter in `folder`; sites come sorted by path. Throws ``FormatError`` when a file is missing
  /// or damaged, a tensor is not part of a LoRA pair, shapes do not fit, or a number is NaN or infinite.
  public static func read(_ folder: URL) throws -> (configuration: PEFTConfiguration, sites: [Site]) {
    let file = try PEFTAdapterFile(folder)
    return (file.configuration, try file.paths.map(file.site))
  }

  public let configuration: PEFTConfiguration
  /// Of its sites, sorted.
  public let paths: [String]
  private struct Tensors {
    var a: StoredTensor?
    var b: StoredTensor?
    var magnitudes: StoredTensor?
  }
  /// By site.
  private let tensors: [String: Tensors]
  /// Tensors of the base that the file holds too, by Hugging Face's names: PEFT saves embeddings and head along where
  /// it adapts them, or `modules_to_save` names them.
  public let savedAlong: [String: StoredTensor]
  /// Which modules the configuration says are adapted.
  package let selection: ModuleSelection?
  /// Of the tensors.
  private let place: String

  /// Opens the adapter in `folder`, whose sites can then be read one by one. Throws ``FormatError`` when a file is
  /// missing or damaged, or a tensor is not part of a LoRA pair.
  public init(_ folder: URL) throws {
    let fields = try ConfigurationFields(adapter: folder)
    let configuration = try PEFTConfiguration(fields)
    let weights = try AdapterFiles.weights(in: folder)
    let file = try SafetensorsFile(contentsOf: weights)
    var tensors: [String: Tensors] = [:]
    let (own, savedAlong) = try PEFTTensorName.sort(file, place: weights.path)
    for (name, tensor) in own.sorted(by: { $0.key < $1.key }) {
      let (path, part) = try Self.part(
        ofTensor: name, file: weights.path, hasMagnitudes: configuration.useDoRA)
      // Names are sorted: of two for one part the shorter counts.
      guard tensors[path]?[keyPath: part] == nil else { continue }
      tensors[path, default: Tensors()][keyPath: part] = tensor
    }
    guard !tensors.isEmpty else {
      throw FormatError.malformed(
        file: weights.path, place: "header", problem: "there are no tensors", mend: "save the adapter again")
    }
    self.configuration = configuration
    self.tensors = tensors
    self.savedAlong = savedAlong
    paths = tensors.keys.sorted()
    place = weights.path
    selection = try ModuleSelection(fields)
    try requireAgreement(with: fields)
  }

  /// Throws ``FormatError`` when the configuration says something that the tensors do not bear out.
  private func requireAgreement(with fields: ConfigurationFields) throws {
    try selection?.check(paths)
    for (name, keys) in [
      ("rank_pattern", configuration.rankPattern.keys.sorted()),
      ("alpha_pattern", configuration.alphaPattern.keys.sorted()),
    ] {
      for key in keys {
        let pattern = try ModulePattern(key, file: PEFTConfiguration.fileName)
        guard try !paths.contains(where: { try pattern.matchesEnd(of: ModulePath.module(of: $0)) }) else {
          continue
        }
        throw fields.disagreement(name, "\(quoted(key)) names no module that the weights hold")
      }
    }
    try fields.requireModulesToSave(among: savedAlong.keys)
  }

  /// A site's sizes, without its values. Throws ``FormatError`` when its tensors are no LoRA pair.
  public func shape(of path: String) throws -> (rank: Int, inputs: Int, outputs: Int) {
    let (a, b) = try pair(path)
    return (a.shape[0], a.shape[1], b.shape[0])
  }

  /// Reads one site. Throws ``FormatError`` when its shapes do not fit, or a number is NaN or infinite.
  public func site(_ path: String) throws -> Site {
    let (a, b) = try pair(path)
    let loraA = try a.floats()
    let loraB = try b.floats()
    try Self.check(loraA, named: a.name, in: place)
    try Self.check(loraB, named: b.name, in: place)
    return Site(
      path: path, rank: a.shape[0], in: a.shape[1], out: b.shape[0], loraA: loraA, loraB: loraB,
      magnitudes: try configuration.useDoRA
        ? magnitudes(of: path, count: b.shape[0]) : nil)
  }

  /// Reads one site's matrices, without magnitudes, to where its ``shape(of:)`` has room. Throws as ``site(_:)``.
  public func read(
    _ path: String, loraA: UnsafeMutableBufferPointer<Float>, loraB: UnsafeMutableBufferPointer<Float>
  ) throws {
    let (a, b) = try pair(path)
    for (tensor, values) in [(a, loraA), (b, loraB)] {
      try tensor.floats(into: values, rows: 0..<tensor.rowCount)
      try Self.check(UnsafeBufferPointer(values), named: tensor.name, in: place)
    }
  }

  /// The site that a tensor belongs to, and which of its tensors it is.
  private static func part(
    ofTensor name: String, file: String, hasMagnitudes: Bool
  ) throws -> (path: String, part: WritableKeyPath<Tensors, StoredTensor?>) {
    var parts: [(suffix: String, part: WritableKeyPath<Tensors, StoredTensor?>)] = [
      (suffixA, \.a), (suffixB, \.b),
    ]
    if hasMagnitudes { parts += [(suffixM, \.magnitudes), (suffixM + ".weight", \.magnitudes)] }
    for (suffix, part) in parts where name.hasPrefix(root) && name.hasSuffix(suffix) {
      let module = String(name.utf8.dropFirst(root.utf8.count).dropLast(suffix.utf8.count)) ?? ""
      if !module.isEmpty { return (ModulePath.path(of: module), part) }
    }
    if name.contains(suffixM), !hasMagnitudes {
      throw FormatError.malformed(
        file: file, place: "tensor \(quoted(name))",
        problem: "it is DoRA's, and \(PEFTConfiguration.fileName) does not say \"use_dora\": true",
        mend: "save the adapter again")
    }
    throw FormatError.unsupported(
      file: file, place: "tensor \(quoted(name))",
      feature: name.contains(".lora_embedding_")
        ? "LoRA on the embedding" : "anything but lora_A and lora_B of linear layers",
      mend: "use a plain LoRA adapter")
  }

  private func pair(_ path: String) throws -> (a: StoredTensor, b: StoredTensor) {
    func name(_ suffix: String) -> String { Self.root + ModulePath.module(of: path) + suffix }
    func broken(_ name: String, _ problem: String) -> FormatError { Self.broken(name, in: place, problem) }
    let found = tensors[path] ?? Tensors()
    guard let a = found.a else {
      throw broken(name(Self.suffixB), "its partner \(quoted(name(Self.suffixA))) is missing")
    }
    guard let b = found.b else {
      throw broken(a.name, "its partner \(quoted(name(Self.suffixB))) is missing")
    }
    for tensor in [a, b] {
      guard [.f32, .f16, .bf16, .f64].contains(tensor.type) else {
        throw broken(tensor.name, "it holds \(tensor.type.name), not floats")
      }
      guard tensor.shape.count == 2, tensor.count > 0 else {
        throw broken(tensor.name, "its shape \(tensor.shape) is no matrix")
      }
    }
    let rank = try configuration.rank(at: path)
    guard a.shape[0] == rank, b.shape[1] == rank else {
      throw broken(
        a.shape[0] == rank ? b.name : a.name,
        "\(a.shape) and \(b.shape) do not share the rank \(rank) of \(PEFTConfiguration.fileName)")
    }
    return (a, b)
  }

  private static func broken(_ name: String, in file: String, _ problem: String) -> FormatError {
    .malformed(file: file, place: "tensor \(quoted(name))", problem: problem, mend: "save the adapter again")
  }

  private static func check(_ values: [Float], named name: String, in file: String) throws {
    try values.withUnsafeBufferPointer { try check($0, named: name, in: file) }
  }

  private static func check(_ values: UnsafeBufferPointer<Float>, named name: String, in file: String) throws
  {
    guard let index = values.firstNotFinite else { return }
    throw broken(name, in: file, "element \(index) is \(values[index])")
  }

  private func magnitudes(of path: String, count: Int) throws -> [Float] {
    func broken(_ name: String, _ problem: String) -> FormatError { Self.broken(name, in: place, problem) }
    guard let tensor = tensors[path]?.magnitudes else {
      throw broken(
        Self.root + ModulePath.module(of: path) + Self.suffixM,
        "it is missing, and \(PEFTConfiguration.fileName) has \"use_dora\"")
    }
    guard [.f32, .f16, .bf16, .f64].contains(tensor.type), tensor.count == count else {
      throw broken(tensor.name, "it holds \(tensor.shape) \(tensor.type.name), not \(count) floats")
    }
    let values = try tensor.floats()
    try Self.check(values, named: tensor.name, in: place)
    return values
  }

  /// Writes the adapter to `folder`, made if need be, in f32. Both files are complete before either replaces
  /// an older one. Throws ``FormatError`` when a site does not fit itself or the configuration, holds NaN or an
  /// infinity, or the disk refuses; what was there then stays.
  public static func write(_ configuration: PEFTConfiguration, _ sites: [Site], to folder: URL) throws {
    let weights = folder.appendingPathComponent(weightsName)
    for site in sites { try check(site, configuration, file: weights.path) }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw FormatError.unwritable(
        file: folder.path, reason: "the folder cannot be made; check the path and who owns it")
    }
    let tensors = sites.flatMap { site in
      let name = root + ModulePath.module(of: site.path)
      return [
        SafetensorsWriter.Tensor(name: name + suffixA, shape: [site.rank, site.in]) { site.loraA },
        SafetensorsWriter.Tensor(name: name + suffixB, shape: [site.out, site.rank]) { site.loraB },
      ]
        + (site.magnitudes.map { m in [SafetensorsWriter.Tensor(name: name + suffixM, shape: [m.count]) { m }]
        } ?? [])
    }
    try AtomicFile.write([
      AtomicFile.Part(url: weights) { output in
        try SafetensorsWriter.stream(tensors, metadata: ["format": "pt"], file: weights.path, to: output)
      },
      AtomicFile.Part(url: folder.appendingPathComponent(PEFTConfiguration.fileName)) { output in
        try output.write(configuration.json())
      },
    ])
  }

  private static func check(_ site: Site, _ configuration: PEFTConfiguration, file: String) throws {
    func refused(_ problem: String) -> FormatError {
      .unwritable(file: file, reason: "site \(quoted(site.path)): \(problem)")
    }
    guard site.loraA.count == site.rank * site.in, site.loraB.count == site.out * site.rank else {
      throw refused("\(site.loraA.count) and \(site.loraB.count) floats do not fit its shapes")
    }
    guard try configuration.rank(at: site.path) == site.rank else {
      throw refused("the configuration gives it another rank than its own \(site.rank)")
    }
    guard site.magnitudes?.count ?? site.out == site.out, (site.magnitudes != nil) == configuration.useDoRA
    else { throw refused("its magnitudes are not what the configuration or its outputs ask for") }
    let values = [site.loraA, site.loraB, site.magnitudes ?? []]
    guard values.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      throw refused("it holds NaN or an infinity; train again with a lower learning rate")
    }
  }
}
