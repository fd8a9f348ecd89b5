import CKernels

/// The low-rank updates that an adapter, or a mix of several, adds at a base's sites, laid out once for passes that only
/// go forward: less memory than factors in f32, and nothing to convert while tokens wait. May be made on any thread.
///
/// They are described in one piece: a pass reads it from beginning to end, and the weights between drive everything
/// else from the caches.
public final class LowRankFactors: Sendable {
  /// What they are held in.
  public enum Form: String, Sendable, CaseIterable {
    case bf16
    /// Codes of 8 or 4 bits with a scale for each output of 32 inputs.
    case int8, int4

    fileprivate var type: Int32 {
      switch self {
      case .bf16: Int32(MK_BF16)
      case .int8: Int32(MK_S8)
      case .int4: Int32(MK_S4)
      }
    }
  }

  public typealias Shape = (rank: Int, inputs: Int, outputs: Int)

  /// Where the values of one update are put before they are laid out.
  public struct Values {
    /// `[rank, inputs]`
    public let loraA: UnsafeMutableBufferPointer<Float>
    /// `[outputs, rank]`
    public let loraB: UnsafeMutableBufferPointer<Float>
  }

  /// Of all sites, for no rows and columns yet.
  nonisolated(unsafe) private let described: [mk_factors]
  private let inputs: [Int32]
  /// Where a site's end.
  private let ends: [Int32]
  private let memory: [ExactMemory]

  /// Those of one adapter.
  /// - Parameters:
  ///   - shapes: by site; nil where it has none
  ///   - fill: puts in the values of a site, which are finite, and gives α/r (or α/√r); no more than one site's are in
  ///     memory at a time
  public init(
    _ shapes: [Shape?], as form: Form, fill: (_ site: Int, _ values: Values) throws -> Float
  ) rethrows {
    let memory = ExactMemory(
      count: shapes.reduce(0) { $0 + ($1.map { Self.byteCount($0, form: form) } ?? 0) })
    let mostA = shapes.reduce(0) { max($0, $1.map { $0.rank * $0.inputs } ?? 0) }
    let mostB = shapes.reduce(0) { max($0, $1.map { $0.outputs * $0.rank } ?? 0) }
    var described: [mk_factors] = []
    described.reserveCapacity(shapes.count { $0 != nil })
    var start = 0
    try withUnsafeTemporaryAllocation(of: Float.self, capacity: mostA + mostB) { room in
      for (site, shape) in shapes.enumerated() {
        guard let shape else { continue }
        let values = Values(
          loraA: UnsafeMutableBufferPointer(rebasing: room[..<(shape.rank * shape.inputs)]),
          loraB: UnsafeMutableBufferPointer(rebasing: room[mostA..<mostA + shape.outputs * shape.rank]))
        let scale = try fill(site, values)
        described.append(Self.packed(values, shape, scale: scale, form: form, in: memory, at: start))
        start += Self.byteCount(shape, form: form)
      }
    }
    self.described = described
    self.memory = [memory]
    inputs = shapes.compactMap { $0.map { Int32($0.inputs) } }
    var end: Int32 = 0
    ends = shapes.map { shape in
      end += shape == nil ? 0 : 1
      return end
    }
  }

  private static func packed(
    _ values: Values, _ shape: Shape, scale: Float, form: Form, in memory: ExactMemory, at start: Int
  ) -> mk_factors {
    let sizes = sizes(shape, form: form)
    let reduce = memory.bytes(start..<start + sizes.reduce)
    let expand = memory.bytes(start + sizes.reduce..<start + sizes.reduce + sizes.expand)
    mk_factors_pack(
      form.type, values.loraA.baseAddress, values.loraB.baseAddress, Int64(shape.inputs),
      Int64(shape.outputs),
      Int64(shape.rank), reduce, expand)
    return mk_factors(
      type: form.type, first_row: 0, rows: 0, first_column: 0, outputs: Int64(shape.outputs),
      rank: Int64(shape.rank), scale: scale, reduce: reduce, expand: expand)
  }

  /// Those of a mix, each with its weight; all are of the same sites.
  public init(_ parts: [(factors: LowRankFactors, weight: Float)]) {
    let sites = parts.first?.factors.ends.count ?? 0
    precondition(parts.allSatisfy { $0.factors.ends.count == sites })
    var (described, inputs, ends): ([mk_factors], [Int32], [Int32]) = ([], [], [])
    for site in 0..<sites {
      for (factors, weight) in parts {
        for index in factors.terms(of: site) {
          var term = factors.described[index]
          term.scale *= weight
          described.append(term)
          inputs.append(factors.inputs[index])
        }
      }
      ends.append(Int32(described.count))
    }
    (self.described, self.inputs, self.ends) = (described, inputs, ends)
    memory = parts.flatMap(\.factors.memory)
  }

  private func terms(of site: Int) -> Range<Int> { Int(site > 0 ? ends[site - 1] : 0)..<Int(ends[site]) }

  private static func sizes(_ shape: Shape, form: Form) -> (reduce: Int, expand: Int) {
    var (reduce, expand): (Int64, Int64) = (0, 0)
    mk_factors_sizes(
      form.type, Int64(shape.inputs), Int64(shape.outputs), Int64(shape.rank), &reduce, &expand)
    // Whole lines of the processor's cache.
    return ((Int(reduce) + 63) / 64 * 64, (Int(expand) + 63) / 64 * 64)
  }

  private static func byteCount(_ shape: Shape, form: Form) -> Int {
    let (reduce, expand) = sizes(shape, form: form)
    return reduce + expand
  }

  /// Bytes of memory that those of one adapter take, with what describes them.
  /// - Parameter sites: how many the base has
  public static func byteCount(of shapes: [Shape], form: Form, sites: Int) -> Int {
    let numbers = MemoryLayout<Int32>.stride
    return shapes.reduce(sites * numbers) {
      $0 + byteCount($1, form: form) + MemoryLayout<mk_factors>.stride + numbers
    }
  }

  /// Bytes of memory, with what describes them; memory that another has too counts for both.
  public var byteCount: Int {
    memory.reduce(0) { $0 + $1.byteCount } + described.count * MemoryLayout<mk_factors>.stride
      + (inputs.count + ends.count) * MemoryLayout<Int32>.stride
  }

  /// One update's factors as they are multiplied, row-major, for plain loops.
  func floats(_ index: Int) -> (loraA: [Float], loraB: [Float]) {
    let (term, inputs) = (described[index], Int(inputs[index]))
    var loraA = [Float](repeating: 0, count: Int(term.rank) * inputs)
    var loraB = [Float](repeating: 0, count: Int(term.outputs * term.rank))
    mk_factors_unpack(
      term.type, term.reduce, term.expand, Int64(inputs), term.outputs, term.rank, &loraA, &loraB)
    return (loraA, loraB)
  }

  /// Those of a site, for rows and columns of a pass.
  func add(
    to terms: inout [mk_factors], at site: Int, rows: Range<Int>, columns: Range<Int>, inputs: inout Int?
  ) -> Range<Int> {
    let places = self.terms(of: site)
    for index in places {
      var term = described[index]
      let own = Int(self.inputs[index])
      precondition(term.outputs == columns.count && inputs ?? own == own)
      inputs = own
      term.first_row = Int64(rows.lowerBound)
      term.rows = Int64(rows.count)
      term.first_column = Int64(columns.lowerBound)
      terms.append(term)
    }
    return places
  }
}

/// What the adapters of a batch add to one frozen matrix, in a pass that only goes forward.
public struct ForwardTerms {
  /// As the kernels take them; they point into memory that `owners` hold.
  private(set) var described: [mk_factors] = []
  /// What `described` points into, in its order.
  private var owners: [(factors: LowRankFactors, places: Range<Int>)] = []
  /// Of all terms; nil where there are none.
  private var inputs: Int?

  public init() {}

  public var isEmpty: Bool { described.isEmpty }

  /// Adds what a mix adds at a site, for rows that carry it.
  /// - Parameters:
  ///   - rows: the batch's rows that carry the mix
  ///   - columns: the site's columns of the result
  public mutating func append(_ factors: LowRankFactors, at site: Int, rows: Range<Int>, columns: Range<Int>)
  {
    guard !rows.isEmpty else { return }
    let places = factors.add(to: &described, at: site, rows: rows, columns: columns, inputs: &inputs)
    if !places.isEmpty { owners.append((factors, places)) }
  }

  /// Whether all stand within `[rows, columns]` and take so many inputs.
  func fit(rows: Int, columns: Int, inputs: Int) -> Bool {
    (self.inputs ?? inputs) == inputs
      && described.allSatisfy {
        $0.first_row >= 0 && $0.first_row + $0.rows <= rows && $0.first_column >= 0
          && $0.first_column + $0.outputs <= columns
      }
  }

  /// Their factors, for plain loops.
  fileprivate var floats: [(loraA: [Float], loraB: [Float])] {
    owners.flatMap { owner in owner.places.map(owner.factors.floats) }
  }
}

extension Tensor {
  /// self[rows, columns] += scale·(x·Aᵀ)·Bᵀ for each term.
  /// - Parameter x: `[rows, inputs]`
  func add(_ terms: ForwardTerms, of x: Tensor, kernels: Kernels) {
    guard !terms.isEmpty else { return }
    if kernels == .reference {
      for (term, (loraA, loraB)) in zip(terms.described, terms.floats) {
        let rows = Int(term.first_row)..<Int(term.first_row + term.rows)
        let columns = Int(term.first_column)..<Int(term.first_column + term.outputs)
        let (_, delta) = Reference.lowRank(
          x.slice(rows, columns: 0..<x.columns), a: loraA, b: loraB, scale: term.scale,
          rows: rows.count, inputs: x.columns, outputs: columns.count, rank: Int(term.rank))
        addSlice(delta, rows: rows, columns: columns)
      }
      return
    }
    let narrow = x.converted(to: .bf16)
    withExtendedLifetime(terms) {
      mk_factors_add(
        terms.described, Int64(terms.described.count), narrow.narrow, Int64(x.rows), Int64(x.columns), data,
        Int64(columns))
    }
  }
}
