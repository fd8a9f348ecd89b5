import Foundation
import MotetFormats
import MotetModels
import MotetTensor

/// Learnt embeddings before the first token of every sequence (Lester et al. 2021, arXiv 2104.08691, §2).
///
/// The tokens' positions shift by the number of virtual ones, as in PEFT.
public struct PromptTuning: StoredMethod {
  public static let name = "prompt"
  public static let title = "learnt embeddings before the first token"
  public static let source = "Lester et al. 2021, arXiv 2104.08691"
  public static let learningRate = 3e-2
  public static let sharedOptions: Set<SharedOption> = []
  public static let options = VirtualTokens.options
  public static let refusals = PromptEmbeddings.refusals

  private let virtual: VirtualTokens

  public init(_ settings: MethodSettings) throws { virtual = try VirtualTokens(settings) }

  public var settings: [String: String] { virtual.settings }
  public var summary: String { "prompt, \(virtual.count) virtual tokens" }
  public var virtualTokens: Int { virtual.count }

  /// None: it adapts no matrix.
  public func sites(of base: BaseModel) throws -> [AdapterSite] {
    try virtual.check(on: base)
    return []
  }

  @Compute
  public func begin(on base: BaseModel, seed: UInt64) throws -> any TrainableAdapter {
    try virtual.check(on: base)
    let rows = base.embeddings(of: try virtual.tokens(of: base, seed: seed))
    return Self.trainable(rows, count: virtual.count, baseModel: base.name)
  }

  @Compute
  public func `continue`(_ weights: AdapterWeights, on base: BaseModel) throws -> any TrainableAdapter {
    let tensor = try weights.promptEmbeddings(asked: Self.name)
    return Self.trainable(tensor.values, count: tensor.shape[0], baseModel: weights.baseModel)
  }

  @Compute
  private static func trainable(_ rows: [Float], count: Int, baseModel: String?) -> TrainableTensors {
    let prompt = Parameter(rows: count, columns: rows.count / count, rows, trainable: true)
    return TrainableTensors(
      [.init(name: PromptEmbeddings.tensor, prompt)], method: name, baseModel: baseModel,
      parts: AdapterParts(prompt: prompt))
  }

  @Compute
  public static func parts(of weights: AdapterWeights, on base: BaseModel) throws -> AdapterParts {
    let tensor = try weights.promptEmbeddings(asked: name)
    return AdapterParts(
      prompt: Parameter(
        rows: tensor.shape[0], columns: tensor.shape[1], tensor.values, trainable: false))
  }

  public static func mismatch(of weights: AdapterWeights, with base: BaseModel) -> String? {
    PromptEmbeddings.mismatch(
      weights, width: base.configuration.hiddenSize, of: "an embedding", in: base)
  }

  // MARK: Files

  private static let type = "PROMPT_TUNING"

  package static func reads(_ members: [String: JSONValue]) -> Bool {
    PromptEmbeddings.reads(members, type: type)
  }

  package static func read(_ folder: PEFTFolder) throws -> AdapterWeights {
    try PromptEmbeddings.read(folder, method: name, settings: [:]) { fields in
      fields.present("token_dim") == nil ? nil : try fields.int("token_dim")
    }
  }

  package static func write(_ weights: AdapterWeights, to folder: URL) throws {
    let width = try weights.promptEmbeddings(asked: name).shape[1]
    try PromptEmbeddings.write(
      weights, type: type,
      members: [
        "token_dim": .int(width), "num_attention_heads": .null, "num_layers": .null,
        "prompt_tuning_init": .string("RANDOM"), "prompt_tuning_init_text": .null,
        "tokenizer_name_or_path": .null,
      ], to: folder)
  }
}

extension AdapterWeights {
  /// `[virtual tokens, width]`
  /// - Throws: ``MethodError/otherMethod(adapter:own:asked:)`` when it is no adapter of the method
  func promptEmbeddings(asked: String) throws -> HostTensor {
    guard let content, content.method == asked, let tensor = content.tensors[PromptEmbeddings.tensor],
      tensor.shape.count == 2
    else {
      throw MethodError.otherMethod(adapter: "the adapter", own: method.name, asked: asked)
    }
    return tensor
  }
}
