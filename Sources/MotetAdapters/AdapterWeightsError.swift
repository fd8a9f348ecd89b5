/// What can be wrong with the values of an adapter.
public enum AdapterWeightsError: Error, Equatable, CustomStringConvertible {
  case emptyShape(site: String, rank: Int, inputs: Int, outputs: Int)
  case wrongCount(site: String, factor: String, rows: Int, columns: Int, count: Int)
  case notFinite(site: String, factor: String, row: Int, column: Int, value: Float)
  case scaleNotFinite(site: String, scale: Float)
  case noSites(source: String)
  case missingFactor(site: String, factor: String, source: String)
  case wrongShape(site: String, shapeA: [Int], shapeB: [Int], source: String)
  case unsupported(what: String, source: String)

  public var description: String {
    switch self {
    case .emptyShape(let site, let rank, let inputs, let outputs):
      "\(site): rank \(rank), \(inputs) inputs and \(outputs) outputs; each must be at least 1"
    case .wrongCount(let site, let factor, let rows, let columns, let count):
      "\(site): \(factor) has \(count) values where its shape [\(rows), \(columns)] needs \(rows * columns)"
    case .notFinite(let site, let factor, let row, let column, let value):
      "\(site): \(factor)[\(row), \(column)] is \(value); the adapter is damaged, train or fetch it again"
    case .scaleNotFinite(let site, let scale):
      "\(site): the scale is \(scale); check lora_alpha and r in adapter_config.json"
    case .noSites(let source):
      "\(source): the adapter adapts nothing: it holds no lora_A/lora_B pair"
    case .missingFactor(let site, let factor, let source):
      "\(source): \(site) has no \(factor); each site needs lora_A and lora_B"
    case .wrongShape(let site, let shapeA, let shapeB, let source):
      "\(source): \(site) has lora_A of shape \(shapeA) and lora_B of shape \(shapeB); "
        + "[rank, inputs] and [outputs, rank] with one rank are needed"
    case .unsupported(let what, let source):
      "\(source): \(what)"
    }
  }
}
