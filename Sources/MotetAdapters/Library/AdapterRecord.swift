import Foundation
import MotetModels

/// What Motet knows of an adapter beyond PEFT's files: `motet.json` beside them.
///
/// Readers ignore keys they do not know, so that later versions can add some.
public struct AdapterRecord: Codable, Sendable, Equatable {
  /// The version of Motet that wrote it.
  public var motet: String
  public var created: Date
  public var base: BaseIdentity?
  /// SHA-256, in hexadecimal digits, of the training data.
  public var dataHash: String?
  /// SHA-256, in hexadecimal digits, of `adapter_model.safetensors`.
  public var weightsHash: String?
  /// SHA-256, in hexadecimal digits, of `adapter_config.json`.
  public var configurationHash: String?
  /// The files that were written with it, by their paths in the folder: what may be replaced.
  public var files: [String]?
  public var training: TrainingRecord?
  /// Figures by name, such as `eval_nll_after`.
  public var metrics: [String: Double]
  /// The adapters it was merged or continued from.
  public var parents: [Parent]
  /// The adapter it stands on: rows that carry it carry that one too.
  public var standsOn: Parent?
  /// The folder that it was copied into the library from.
  public var origin: String?

  /// An adapter another one was made from.
  public struct Parent: Codable, Sendable, Equatable {
    public var name: String
    public var weight: Double
    public var weightsHash: String?

    public init(name: String, weight: Double = 1, weightsHash: String? = nil) {
      self.name = name
      self.weight = weight
      self.weightsHash = weightsHash
    }

    enum CodingKeys: String, CodingKey {
      case name, weight
      case weightsHash = "weights_sha256"
    }
  }

  public init(
    motet: String, created: Date = Date(), base: BaseIdentity? = nil, dataHash: String? = nil,
    weightsHash: String? = nil, training: TrainingRecord? = nil, metrics: [String: Double] = [:],
    parents: [Parent] = [], standsOn: Parent? = nil
  ) {
    self.standsOn = standsOn
    self.motet = motet
    // The file holds whole seconds.
    self.created = Date(timeIntervalSince1970: created.timeIntervalSince1970.rounded(.down))
    self.base = base
    self.dataHash = dataHash
    self.weightsHash = weightsHash
    self.training = training
    self.metrics = metrics
    self.parents = parents
  }

  enum CodingKeys: String, CodingKey {
    case motet, created, base, training, metrics, parents, files, origin
    case dataHash = "data_sha256"
    case weightsHash = "weights_sha256"
    case configurationHash = "configuration_sha256"
    case standsOn = "stands_on"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    motet = try values.decode(String.self, forKey: .motet)
    created = try values.decode(Date.self, forKey: .created)
    base = try values.decodeIfPresent(BaseIdentity.self, forKey: .base)
    dataHash = try values.decodeIfPresent(String.self, forKey: .dataHash)
    weightsHash = try values.decodeIfPresent(String.self, forKey: .weightsHash)
    configurationHash = try values.decodeIfPresent(String.self, forKey: .configurationHash)
    files = try values.decodeIfPresent([String].self, forKey: .files)
    training = try values.decodeIfPresent(TrainingRecord.self, forKey: .training)
    metrics = try values.decodeIfPresent([String: Double].self, forKey: .metrics) ?? [:]
    parents = try values.decodeIfPresent([Parent].self, forKey: .parents) ?? []
    standsOn = try values.decodeIfPresent(Parent.self, forKey: .standsOn)
    origin = try values.decodeIfPresent(String.self, forKey: .origin)
  }
}

/// How an adapter was trained; each part is there when it applies.
public struct TrainingRecord: Codable, Sendable, Equatable {
  public var method: String?
  public var steps: Int?
  /// Without padding.
  public var tokens: Int?
  public var rows: Int?
  public var epochs: Double?
  /// Of the training loop.
  public var seconds: Double?
  /// Of the last steps, in nats a response token.
  public var loss: Double?
  public var evalNLLBefore: Double?
  public var evalNLLAfter: Double?
  public var learningRate: Double?
  public var seed: UInt64?
  /// Whatever else the trainer was told, as text.
  public var settings: [String: String]?

  public init(
    method: String? = nil, steps: Int? = nil, tokens: Int? = nil, rows: Int? = nil, epochs: Double? = nil,
    seconds: Double? = nil, loss: Double? = nil, evalNLLBefore: Double? = nil,
    evalNLLAfter: Double? = nil, learningRate: Double? = nil, seed: UInt64? = nil,
    settings: [String: String]? = nil
  ) {
    self.method = method
    self.steps = steps
    self.tokens = tokens
    self.rows = rows
    self.epochs = epochs
    self.seconds = seconds
    self.loss = loss
    self.evalNLLBefore = evalNLLBefore
    self.evalNLLAfter = evalNLLAfter
    self.learningRate = learningRate
    self.seed = seed
    self.settings = settings
  }

  enum CodingKeys: String, CodingKey {
    case method, steps, tokens, rows, epochs, seconds, loss, seed, settings
    case evalNLLBefore = "eval_nll_before"
    case evalNLLAfter = "eval_nll_after"
    case learningRate = "learning_rate"
  }
}
