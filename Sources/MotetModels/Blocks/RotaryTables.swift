import MotetTensor

/// The tables of a model's rotations, as long as the longest sequence so far needs them.
@Compute
struct RotaryTables {
  private let rules: [RotaryRule]
  private let limit: Int
  private var positions: Int
  private var tables: [RotaryTable]

  init(_ model: ModelDescription, positions: Int = 2048) {
    rules = model.rotations
    limit = model.configuration.maximumPositions
    let own = min(positions, limit)
    self.positions = own
    tables = rules.map { $0.table(positions: own) }
  }

  /// Those for a pass whose longest sequence reaches so far.
  /// - Throws: ``ModelError/tooLong(tokens:context:)``
  mutating func tables(reach: Int) throws -> [RotaryTable] {
    guard reach <= limit else { throw ModelError.tooLong(tokens: reach, context: limit) }
    if reach > positions {
      let own = min(max(reach, positions * 2), limit)
      positions = own
      tables = rules.map { $0.table(positions: own) }
    }
    return tables
  }
}
