import Foundation
import MotetFormats
import MotetModels
import MotetTensor

/// Learnt keys and values of every layer before a sequence's own (Li and Liang 2021, arXiv 2101.00190, §4).
///
/// They are not rotated; the tokens' positions shift by their number, as they do after PEFT's `past_key_values`. They
/// begin as the keys and values that the base has for real words (§7.4 of the paper): training starts from the base
/// with those words before the sequence.
public struct PrefixTuning: StoredMethod {
  public static let name = "prefix"
  public static let title = "learnt keys and values before every layer's own"
  public static let source = "Li and Liang 2021, arXiv 2101.00190"
  public static let learningRate = 3e-2
  public static let sharedOptions: Set<SharedOption> = []
  public static let options =
    VirtualTokens.options + [
      MethodOption(
        "prefix-projection", "SIZE",
        "Train the prefix through two matrices with a tanh of this width between (0, for none).",
        isFixedByContinue: true)
    ]
  public static let refusals = PromptEmbeddings.refusals

  private let virtual: VirtualTokens
  /// The width of the projection that it is trained through; 0 for none.
  private let projection: Int

  public init(_ settings: MethodSettings) throws {
    virtual = try VirtualTokens(settings)
    projection = try settings.integer("prefix-projection", or: 0, within: 0...65_536)
  }

  public var settings: [String: String] {
    virtual.settings.merging(["prefix-projection": "\(projection)"]) { $1 }
  }
  public var summary: String { "prefix, \(virtual.count) virtual tokens" }
  public var virtualTokens: Int { virtual.count }

  /// None: it adapts no matrix.
  public func sites(of base: BaseModel) throws -> [AdapterSite] {
    try virtual.check(on: base)
    return []
  }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    try virtual.check(on: base)
    let layers = try base.keysAndValues(of: virtual.tokens(of: base, seed: seed))
    let width = Self.keyWidth(of: base)
    var rows: [Float] = []
    for token in 0..<virtual.count {
      let range = token * width..<(token + 1) * width
      for layer in layers { rows += layer.keys[range] + layer.values[range] }
    }
    if projection > 0 {
      return ProjectedPrefix(
        rows, count: virtual.count, hidden: projection, seed: seed, settings: Self.shape(of: base),
        baseModel: base.name)
    }
    return Self.trainable(
      rows, count: virtual.count, settings: Self.shape(of: base), baseModel: base.name)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    let tensor = try weights.promptEmbeddings(asked: Self.name)
    return Self.trainable(
      tensor.values, count: tensor.shape[0], settings: weights.content?.settings ?? [:],
      baseModel: weights.baseModel)
  }

  @Compute
  private static func trainable(
    _ rows: [Float], count: Int, settings: [String: String], baseModel: String?
  ) -> TrainableTensors {
    let prefix = Parameter(rows: count, columns: rows.count / count, rows, trainable: true)
    return TrainableTensors(
      [.init(name: PromptEmbeddings.tensor, prefix)], method: name, settings: settings,
      baseModel: baseModel, parts: AdapterParts(prefix: prefix))
  }

  @Compute
  public static func parts(of weights: AdapterWeights, on base: BaseModel) throws -> AdapterParts {
    let tensor = try weights.promptEmbeddings(asked: name)
    return AdapterParts(
      prefix: Parameter(
        rows: tensor.shape[0], columns: tensor.shape[1], tensor.values, trainable: false))
  }

  public static func mismatch(of weights: AdapterWeights, with base: BaseModel) -> String? {
    PromptEmbeddings.mismatch(
      weights, width: 2 * base.configuration.layers * keyWidth(of: base),
      of: "what \(base.configuration.layers) layers keep of a token", in: base)
  }

  /// Values of a token's keys in a layer, and of its values.
  private static func keyWidth(of base: BaseModel) -> Int {
    base.model.attentionShape.kvHeads * base.model.attentionShape.headDimension
  }

  private static func shape(of base: BaseModel) -> [String: String] {
    ["layers": "\(base.configuration.layers)", "kv-heads": "\(base.model.attentionShape.kvHeads)"]
  }

  // MARK: Files

  private static let type = "PREFIX_TUNING"

  package static func reads(_ members: [String: JSONValue]) -> Bool {
    PromptEmbeddings.reads(members, type: type)
  }

  /// A row of `prompt_embeddings` is `[layers·2, kvHeads, headDimension]`, a layer's keys before its values
  /// (`peft/peft_model.py`, `get_prompt`). With `prefix_projection` it is what the projection gave.
  package static func read(_ folder: PEFTFolder) throws -> AdapterWeights {
    let fields = folder.fields
    var settings: [String: String] = [:]
    if fields.present("num_layers") != nil { settings["layers"] = "\(try fields.int("num_layers"))" }
    if fields.present("num_attention_heads") != nil {
      settings["kv-heads"] = "\(try fields.int("num_attention_heads"))"
    }
    return try PromptEmbeddings.read(folder, method: name, settings: settings) { fields in
      guard fields.present("token_dim") != nil, fields.present("num_layers") != nil else { return nil }
      return try 2 * min(fields.int("num_layers"), 65_536) * min(fields.int("token_dim"), 1 << 24)
    }
  }

  package static func write(_ weights: AdapterWeights, to folder: URL) throws {
    let width = try weights.promptEmbeddings(asked: name).shape[1]
    func number(_ key: String) -> Int? { weights.content?.settings[key].flatMap { Int($0) } }
    let layers = number("layers")
    try PromptEmbeddings.write(
      weights, type: type,
      members: [
        "token_dim": layers.map { .int(width / (2 * max(1, $0))) } ?? .null,
        "num_layers": layers.map { .int($0) } ?? .null,
        "num_attention_heads": number("kv-heads").map { .int($0) } ?? .null,
        "prefix_projection": .bool(false), "encoder_hidden_size": .null,
      ], to: folder)
  }
}
