import CKernels

/// The factors of a low-rank update, laid out once for passes that only go forward: less memory than those in f32, and
/// nothing to convert while tokens wait. May be made on any thread.
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

  /// The values of an update.
  public struct Source: Sendable {
    /// `[rank, inputs]`
    public let loraA: [Float]
    /// `[outputs, rank]`
    public let loraB: [Float]
    public let rank: Int
    public let inputs: Int
    public let outputs: Int

    public init(loraA: [Float], loraB: [Float], rank: Int, inputs: Int, outputs: Int) {
      precondition(loraA.count == rank * inputs && loraB.count == outputs * rank)
      self.loraA = loraA
      self.loraB = loraB
      self.rank = rank
      self.inputs = inputs
      self.outputs = outputs
    }
  }

  public typealias Shape = (rank: Int, inputs: Int, outputs: Int)

  public let form: Form
  public let rank: Int
  public let inputs: Int
  public let outputs: Int
  /// Of all that were packed together.
  private let memory: ExactMemory
  private let reduce: Range<Int>
  private let expand: Range<Int>

  private init(_ source: Source, form: Form, in memory: ExactMemory, at start: Int) {
    self.form = form
    self.memory = memory
    rank = source.rank
    inputs = source.inputs
    outputs = source.outputs
    let sizes = Self.sizes(rank: rank, inputs: inputs, outputs: outputs, form: form)
    reduce = start..<start + sizes.reduce
    expand = reduce.upperBound..<reduce.upperBound + sizes.expand
    mk_factors_pack(
      form.type, source.loraA, source.loraB, Int64(inputs), Int64(outputs), Int64(rank),
      memory.bytes(reduce), memory.bytes(expand))
  }

  /// Those of one adapter, in one piece of memory in the order given.
  public static func packed(_ sources: [Source], as form: Form) -> [LowRankFactors] {
    packed(sources.map { ($0.rank, $0.inputs, $0.outputs) }, as: form) { sources[$0] }
  }

  /// The same from values that are given one after another, so that no more of them are in memory at one time.
  /// - Parameters:
  ///   - shapes: of all
  ///   - source: the values of one, by its place; of its shape
  public static func packed(
    _ shapes: [Shape], as form: Form, source: (Int) throws -> Source
  ) rethrows -> [LowRankFactors] {
    let sizes = shapes.map { byteCount(rank: $0.rank, inputs: $0.inputs, outputs: $0.outputs, form: form) }
    let memory = ExactMemory(count: sizes.reduce(0, +))
    var start = 0
    return try shapes.indices.map { index in
      let (values, shape) = (try source(index), shapes[index])
      precondition((values.rank, values.inputs, values.outputs) == shape)
      defer { start += sizes[index] }
      return LowRankFactors(values, form: form, in: memory, at: start)
    }
  }

  private static func sizes(
    rank: Int, inputs: Int, outputs: Int, form: Form
  ) -> (reduce: Int, expand: Int) {
    var (reduce, expand): (Int64, Int64) = (0, 0)
    mk_factors_sizes(form.type, Int64(inputs), Int64(outputs), Int64(rank), &reduce, &expand)
    // Whole lines of the processor's cache.
    return ((Int(reduce) + 63) / 64 * 64, (Int(expand) + 63) / 64 * 64)
  }

  /// Bytes of memory that factors take.
  public static func byteCount(rank: Int, inputs: Int, outputs: Int, form: Form) -> Int {
    let (reduce, expand) = sizes(rank: rank, inputs: inputs, outputs: outputs, form: form)
    return reduce + expand
  }

  /// Bytes of memory.
  public var byteCount: Int { reduce.count + expand.count }

  /// The factors as they are multiplied, row-major, for plain loops.
  func floats() -> (loraA: [Float], loraB: [Float]) {
    var loraA = [Float](repeating: 0, count: rank * inputs)
    var loraB = [Float](repeating: 0, count: outputs * rank)
    mk_factors_unpack(
      form.type, memory.bytes(reduce), memory.bytes(expand), Int64(inputs), Int64(outputs), Int64(rank),
      &loraA, &loraB)
    return (loraA, loraB)
  }

  /// For no rows and columns yet.
  fileprivate func described(scale: Float) -> mk_factors {
    mk_factors(
      type: form.type, first_row: 0, rows: 0, first_column: 0, outputs: Int64(outputs), rank: Int64(rank),
      scale: scale, reduce: memory.bytes(reduce), expand: memory.bytes(expand))
  }
}

/// What one mix adds at each of a base's sites in a form that only goes forward, described in one piece: a pass reads
/// it from beginning to end, and the weights between drive everything else from the caches.
public final class ForwardSites: Sendable {
  fileprivate let factors: [LowRankFactors]
  nonisolated(unsafe) fileprivate let described: [mk_factors]
  fileprivate let inputs: [Int]
  /// Where a site's terms end.
  private let ends: [Int]

  /// - Parameter sites: by site, the factors with α/r (or α/√r) times the weight in the mix
  public init(_ sites: [[(factors: LowRankFactors, scale: Float)]]) {
    factors = sites.flatMap { $0.map(\.factors) }
    described = sites.flatMap { $0.map { $0.factors.described(scale: $0.scale) } }
    inputs = factors.map(\.inputs)
    var end = 0
    ends = sites.map { site in
      end += site.count
      return end
    }
  }

  fileprivate func terms(of site: Int) -> Range<Int> { (site > 0 ? ends[site - 1] : 0)..<ends[site] }
}

/// What the adapters of a batch add to one frozen matrix, in a pass that only goes forward.
public struct ForwardTerms {
  /// As the kernels take them; they point into memory that `owners` hold.
  private(set) var described: [mk_factors] = []
  /// What `described` points into, in its order.
  private var owners: [(sites: ForwardSites, terms: Range<Int>)] = []
  /// Of all terms; nil where there are none.
  private var inputs: Int?

  public init() {}

  public var isEmpty: Bool { described.isEmpty }

  /// Adds what a mix adds at a site, for rows that carry it.
  /// - Parameters:
  ///   - rows: the batch's rows that carry the mix
  ///   - columns: the site's columns of the result
  public mutating func append(_ sites: ForwardSites, at site: Int, rows: Range<Int>, columns: Range<Int>) {
    let terms = sites.terms(of: site)
    guard !terms.isEmpty, !rows.isEmpty else { return }
    for index in terms {
      var term = sites.described[index]
      precondition(term.outputs == columns.count && inputs ?? sites.inputs[index] == sites.inputs[index])
      inputs = sites.inputs[index]
      term.first_row = Int64(rows.lowerBound)
      term.rows = Int64(rows.count)
      term.first_column = Int64(columns.lowerBound)
      described.append(term)
    }
    owners.append((sites, terms))
  }

  /// Whether all stand within `[rows, columns]` and take so many inputs.
  func fit(rows: Int, columns: Int, inputs: Int) -> Bool {
    (self.inputs ?? inputs) == inputs
      && described.allSatisfy {
        $0.first_row >= 0 && $0.first_row + $0.rows <= rows && $0.first_column >= 0
          && $0.first_column + $0.outputs <= columns
      }
  }

  fileprivate var factors: [LowRankFactors] { owners.flatMap { $0.sites.factors[$0.terms] } }
}

extension Tensor {
  /// self[rows, columns] += scale·(x·Aᵀ)·Bᵀ for each term.
  /// - Parameter x: `[rows, inputs]`
  func add(_ terms: ForwardTerms, of x: Tensor, kernels: Kernels) {
    guard !terms.isEmpty else { return }
    if kernels == .reference {
      for (term, factors) in zip(terms.described, terms.factors) {
        let (loraA, loraB) = factors.floats()
        let rows = Int(term.first_row)..<Int(term.first_row + term.rows)
        let columns = Int(term.first_column)..<Int(term.first_column + term.outputs)
        let (_, delta) = Reference.lowRank(
          x.slice(rows, columns: 0..<x.columns), a: loraA, b: loraB, scale: term.scale,
          rows: rows.count, inputs: factors.inputs, outputs: columns.count, rank: factors.rank)
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
