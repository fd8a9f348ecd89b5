import MotetModels
import MotetTensor

/// An adapter under training whose parameters are its content, tensor by tensor.
@Compute
public final class TrainableTensors: TrainableAdapter {
  /// A trained tensor by the name that the method's content has it under.
  public struct Entry {
    public let name: String
    public let shape: [Int]
    public let parameter: Parameter

    /// - Parameter shape: of the stored tensor; nil for the parameter's rows and columns
    public init(name: String, shape: [Int]? = nil, _ parameter: Parameter) {
      self.name = name
      self.shape = shape ?? [parameter.rows, parameter.columns]
      self.parameter = parameter
    }
  }

  public let mix: BoundMix
  public let parameters: [Parameter]
  public nonisolated let parameterCount: Int
  private let entries: [Entry]
  private let method: String
  private let settings: [String: String]
  private let baseModel: String?

  /// - Parameter parts: what of the base the parameters add to
  public init(
    _ entries: [Entry], method: String, settings: [String: String] = [:], baseModel: String?,
    parts: AdapterParts
  ) {
    self.entries = entries
    self.method = method
    self.settings = settings
    self.baseModel = baseModel
    parameters = entries.map(\.parameter)
    parameterCount = parameters.reduce(0) { $0 + $1.count }
    mix = BoundMix(parts)
  }

  public func weights() throws -> AdapterWeights {
    var tensors: [String: HostTensor] = [:]
    for entry in entries {
      tensors[entry.name] = try HostTensor(
        shape: entry.shape, entry.parameter.values.values, named: entry.name)
    }
    return try AdapterWeights(
      sites: [:], baseModel: baseModel,
      content: MethodContent(method: method, settings: settings, tensors: tensors))
  }
}
