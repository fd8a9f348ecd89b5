import MotetModels
import MotetTensor

/// A prefix under training whose values follow from smaller rows through a projection (Li and Liang 2021, arXiv
/// 2101.00190, §4.3): what is stored is the prefix alone.
///
/// The projection is added to the prefix's beginning and ends in a matrix of zeros, so that training starts from the
/// same words as without it. The matrices' learning rate is divided by their width (Yang et al. 2022, arXiv 2203.03466,
/// table 3), so that a step moves the prefix about as far as it would move its own values.
@Compute
final class ProjectedPrefix: TrainableAdapter {
  let mix: BoundMix
  let parameters: [Parameter]
  nonisolated let parameterCount: Int
  private let start: Tensor
  private let prefix: Parameter
  private let projection: TanhProjection
  private let settings: [String: String]
  private let baseModel: String?

  /// - Parameters:
  ///   - rows: what the prefix begins as, `[count, outputs]`
  ///   - hidden: the width between the projection's matrices
  init(
    _ rows: [Float], count: Int, hidden: Int, seed: UInt64, settings: [String: String], baseModel: String?
  ) {
    let outputs = rows.count / count
    func uniform(_ name: String, _ rows: Int, _ columns: Int, bound: Double, rate: Double) -> Parameter {
      var generator = SeededGenerator(seed: seed, for: name)
      return Parameter(
        rows: rows, columns: columns,
        (0..<rows * columns).map { _ in Float((2 * generator.uniform() - 1) * bound) }, trainable: true,
        rate: rate)
    }
    // As PyTorch draws an embedding and a linear layer.
    var generator = SeededGenerator(seed: seed, for: "prefix embedding")
    let bound = 1 / Double(hidden).squareRoot()
    let rate = 1 / Double(hidden)
    projection = TanhProjection(
      embedding: Parameter(
        rows: count, columns: hidden, (0..<count * hidden).map { _ in Float(generator.normal()) },
        trainable: true),
      inner: uniform("prefix inner", hidden, hidden, bound: bound, rate: rate),
      innerBias: uniform("prefix bias", 1, hidden, bound: bound, rate: 1),
      outer: Parameter(
        rows: outputs, columns: hidden, [Float](repeating: 0, count: outputs * hidden), trainable: true,
        rate: rate),
      outerBias: Parameter(rows: 1, columns: outputs, [Float](repeating: 0, count: outputs), trainable: true))
    start = Tensor(rows: count, columns: outputs, rows)
    prefix = Parameter(rows: count, columns: outputs, rows, trainable: true)
    parameters = projection.parameters
    parameterCount = parameters.reduce(0) { $0 + $1.count }
    mix = BoundMix(AdapterParts(prefix: prefix))
    self.settings = settings
    self.baseModel = baseModel
  }

  func derive() { projection.write(to: prefix.values, from: start) }

  func gatherGradients() {
    guard let gradient = prefix.gradient else { return }
    projection.gather(gradient)
    gradient.fill(0)
  }

  func weights() throws -> AdapterWeights {
    try AdapterWeights(
      sites: [:], baseModel: baseModel,
      content: MethodContent(
        method: PrefixTuning.name, settings: settings,
        tensors: [
          PromptEmbeddings.tensor: HostTensor(
            shape: [prefix.rows, prefix.columns], prefix.values.values, named: PromptEmbeddings.tensor)
        ]))
  }
}
