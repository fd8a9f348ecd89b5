/// What an adapter holds beside low-rank factors, or in place of them: named tensors that its method understands.
public struct MethodContent: Sendable, Equatable {
  /// The method's name: `dora`.
  public var method: String
  /// What the method needs to know beside the tensors.
  public var settings: [String: String]
  /// By name, as the method chose.
  public var tensors: [String: HostTensor]
  /// The number of trained values, where it is not that of all tensors.
  public var trained: Int?

  public init(
    method: String, settings: [String: String] = [:], tensors: [String: HostTensor], trained: Int? = nil
  ) {
    self.method = method
    self.settings = settings
    self.tensors = tensors
    self.trained = trained
  }
}

extension MethodContent {
  public var parameterCount: Int { trained ?? tensors.values.reduce(0) { $0 + $1.values.count } }
}

/// Values with their shape, row-major, on the host.
public struct HostTensor: Sendable, Equatable {
  public var shape: [Int]
  public var values: [Float]

  /// - Throws: `AdapterWeightsError` when the values do not fill the shape, or one is infinite or not a number
  public init(shape: [Int], _ values: [Float], named name: String) throws {
    guard values.count == shape.reduce(1, *) else {
      throw AdapterWeightsError.wrongCount(
        site: name, factor: "it", rows: shape.first ?? 0, columns: shape.dropFirst().reduce(1, *),
        count: values.count)
    }
    if let place = values.firstIndex(where: { !$0.isFinite }) {
      let columns = max(1, shape.last ?? 1)
      throw AdapterWeightsError.notFinite(
        site: name, factor: "it", row: place / columns, column: place % columns, value: values[place])
    }
    self.shape = shape
    self.values = values
  }
}
