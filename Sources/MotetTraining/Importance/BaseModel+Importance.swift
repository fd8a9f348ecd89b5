import MotetAdapters
import MotetModels
import MotetTensor

extension BaseModel {
  /// How much each of some sites matters for a few batches of rows.
  ///
  /// Takes a forward and a backward pass over each row, as training does. Values are estimates from
  /// ``ImportanceOptions/probe`` directions of each matrix's input, drawn anew with the seed alone: unbiased for the
  /// squared norm, the Fisher information and the sensitivity. The squared norm's and the Fisher information's relative
  /// standard deviation is at most √(2/probe); that of the sensitivity depends on how unequal the inputs are. With as
  /// many directions as inputs they are exact.
  /// - Parameter onRows: told how many rows are done, and of how many
  /// - Throws: ``RankSuggestionError``, `DatasetError`, or a cancellation
  public func importance(
    of chosen: [AdapterSite], on data: any ExampleSource, options: ImportanceOptions = ImportanceOptions(),
    onRows: @Compute (Int, Int) -> Void = { _, _ in }
  ) async throws -> SiteImportances {
    try options.validate()
    guard !chosen.isEmpty else { throw LoRAError.noSites }
    let rows = try rows(of: data, options)
    var measurement = ImportanceMeasurement(of: chosen, on: self, options)
    var done = 0
    for group in Pass.split(rows, limit: options.tokensPerPass) {
      for part in group.chunks(of: measurement.rowsPerPass) {
        try Task.checkCancellation()
        try measurement.take(part)
        BufferPool.endStep()
        done += part.count
        onRows(done, rows.count)
        await Task.yield()
      }
    }
    let values = measurement.values()
    releaseBackward()
    guard values.allSatisfy(\.isFinite) else { throw RankSuggestionError.notFinite }
    return SiteImportances(
      entries: zip(chosen, values).map { .init(site: $0, value: $1) }, measure: options.measure,
      rows: rows.count, labels: rows.reduce(0) { $0 + $1.labelCount }, of: sites)
  }

  /// Rows of some batches, drawn as a run with that seed would draw its first.
  private func rows(of data: any ExampleSource, _ options: ImportanceOptions) throws -> [Example] {
    var order = BatchOrder(
      data, options: TrainingOptions(epochs: 1, batchRows: options.batchRows, seed: options.seed))
    var rows: [Example] = []
    for _ in 0..<options.batches {
      guard let batch = order.next() else { break }
      for index in batch {
        let example = try data.example(at: index)
        if example.labelCount > 0 { rows.append(example) }
      }
    }
    guard !rows.isEmpty else { throw RankSuggestionError.noRows }
    return rows
  }
}

/// One measure of some sites, row by row.
@Compute
private struct ImportanceMeasurement {
  private let base: BaseModel
  private let sites: [AdapterSite]
  private let measure: ImportanceMeasure
  private let directions: [ProbeDirections]
  private let loraA: [String: Parameter]
  /// One for each row of a pass where rows are told apart, one for all otherwise.
  private var probes: [GradientProbe] = []
  private var sums: [Double]
  private var rows = 0
  private var labels = 0

  init(of sites: [AdapterSite], on base: BaseModel, _ options: ImportanceOptions) {
    self.base = base
    self.sites = sites
    measure = options.measure
    sums = [Double](repeating: 0, count: sites.count)
    directions = sites.map { site in
      var generator = SeededGenerator(seed: options.seed, for: "probe of \(site.path)")
      let rank = min(options.probe, site.inputs)
      return options.measure == .sensitivity
        ? .columns(rank, of: site.inputs, using: &generator)
        : .spread(rank, over: site.inputs, using: &generator)
    }
    loraA = Dictionary(
      uniqueKeysWithValues: zip(sites, directions).map { site, directions in
        let a = Parameter(
          rows: directions.rank, columns: site.inputs, directions.loraA, trainable: false)
        return (site.path, a)
      })
  }

  /// A probe a row takes as much memory as an adapter of its rank each.
  var rowsPerPass: Int { measure == .fisher ? 4 : 1 << 30 }

  mutating func take(_ examples: [Example]) throws {
    let isByRow = measure == .fisher
    while probes.count < (isByRow ? examples.count : 1) {
      probes.append(GradientProbe(loraA, of: sites, on: base))
    }
    let parts =
      isByRow
      ? zip(examples, probes).map { PassPart(examples: [$0], mix: $1.mix, scale: 1) }
      : probes.map { PassPart(examples: examples, mix: $0.mix, scale: 1) }
    let pass = Pass(parts)
    let tape = base.tape(recording: true)
    _ = try base.losses(pass.rows, labels: pass.labels, on: tape)
    try tape.backward()
    rows += examples.count
    labels += pass.labels.count
    guard isByRow else { return }
    for probe in probes.prefix(examples.count) {
      for (place, square) in probe.squaredNorms().enumerated() {
        sums[place] += directions[place].weight * square
      }
      probe.clear()
    }
  }

  /// By place among the sites.
  func values() -> [Double] {
    guard let probe = probes.first else { return sums }
    switch measure {
    case .fisher: return sums.map { $0 / Double(rows) }
    case .gradientNorm:
      return zip(probe.squaredNorms(), directions).map {
        ($0 * $1.weight).squareRoot() / Double(labels)
      }
    case .sensitivity: return sensitivities(probe)
    }
  }

  /// Σ |W∘G| over the columns that were drawn, for all of them.
  private func sensitivities(_ probe: GradientProbe) -> [Double] {
    let places = Dictionary(uniqueKeysWithValues: sites.enumerated().map { ($1.path, $0) })
    var values = sums
    base.forEachWeight(of: sites) { site, weight in
      guard let place = places[site.path], let gradient = probe.gradient(at: place) else { return }
      var sum = 0.0
      for output in 0..<site.outputs {
        let row = gradient.row(output)
        for (column, input) in directions[place].inputs.enumerated() {
          sum += Double(abs(weight[output * site.inputs + input] * row[column]))
        }
      }
      values[place] = sum * directions[place].weight / Double(labels)
    }
    return values
  }
}

extension Array {
  fileprivate func chunks(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: Swift.min(size, Swift.max(1, count))).map {
      Array(self[$0..<Swift.min($0 + size, count)])
    }
  }
}
