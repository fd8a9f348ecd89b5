import MotetFormats
import MotetTensor

/// Texts that go through a model while its matrices are rounded one layer after another, each by the inputs that the
/// layers before it, already rounded, give.
///
/// A layer is passed twice: as it was, to see what its matrices take, and rounded, for what the next one takes.
@Compute
struct Calibration {
  /// Tokens that pass a layer together.
  private static let passTokens = 1024

  private var passes: [(pass: LayerPass, x: Tensor)] = []
  private var index = 0

  /// - Parameter rows: token sequences, none longer than the model's context
  init(_ model: ModelDescription, tables: TokenTables, rows: [[Int32]]) throws {
    var rest = rows.filter { !$0.isEmpty }[...]
    while !rest.isEmpty {
      var tokens = 0
      let fitting = rest.prefix { row in
        tokens += row.count
        return tokens <= Self.passTokens
      }
      let some = rest.prefix(max(1, fitting.count))
      rest = rest.dropFirst(some.count)
      let batch = PackedBatch(some.map { BatchRow(tokens: $0, mix: .base) })
      var rotations = RotaryTables(model, positions: batch.reach)
      passes.append(
        (
          LayerPass(batch, tables: try rotations.tables(reach: batch.reach)),
          tables.embed(batch, model, on: Tape(recording: false))
        ))
    }
  }

  /// The next layer rounded.
  /// - Parameter round: gives a group's matrix by what it takes
  mutating func quantize(
    _ layer: DecoderLayer, _ round: (SiteGroup, InputMoment) throws -> SiteGroup
  ) throws -> DecoderLayer {
    var moments: [ObjectIdentifier: InputMoment] = [:]
    for group in layer.groups {
      moments[ObjectIdentifier(group.matrix)] = InputMoment(width: group.matrix.inputs)
    }
    let observing = Tape(recording: false)
    observing.inputObserver = { matrix, x in moments[ObjectIdentifier(matrix)]?.add(x) }
    for (pass, x) in passes {
      try Task.checkCancellation()
      _ = try pass.run(layer, index, x, on: observing)
    }
    let rounded = try layer.mapGroups { group in
      try Task.checkCancellation()
      guard let moment = moments[ObjectIdentifier(group.matrix)] else { return group }
      return try round(group, moment)
    }
    for place in passes.indices {
      passes[place].x = try passes[place].pass.run(
        rounded, index, passes[place].x, on: Tape(recording: false))
    }
    index += 1
    BufferPool.endStep()
    return rounded
  }
}
