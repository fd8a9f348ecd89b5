/// What can be wrong with the values of an adapter.
public enum AdapterWeightsError: Error, Equatable, CustomStringConvertible {
  case emptyShape(site: String, rank: Int, inputs: Int, outputs: Int)
  case wrongCount(site: String, factor: String, rows: Int, columns: Int, count: Int)
  case notFinite(site: String, factor: String, row: Int, column: Int, value: Float)
  case scaleNotFinite(site: String, scale: Float)
  case noSites
  case scaleMismatch(site: String, own: Double, configuration: Double)

  public var description: String {
    switch self {
    case .emptyShape(let site, let rank, let inputs, let outputs):
      "\(site): rank \(rank), \(inputs) inputs and \(outputs) outputs; each must be at least 1"
    case .wrongCount(let site, let factor, let rows, let columns, let count):
      "\(site): \(factor) has \(count) values, which is not what its shape [\(rows), \(columns)] needs"
    case .notFinite(let site, let factor, let row, let column, let value):
      "\(site): \(factor)[\(row), \(column)] is \(value); the adapter is damaged, train or fetch it again"
    case .scaleNotFinite(let site, let scale):
      "\(site): the scale is \(scale); check lora_alpha and r in adapter_config.json"
    case .noSites:
      "the adapter adapts nothing: it holds no lora_A/lora_B pair"
    case .scaleMismatch(let site, let own, let configuration):
      "\(site): the scale is \(own) and the configuration's lora_alpha and r give \(configuration)"
    }
  }
}
