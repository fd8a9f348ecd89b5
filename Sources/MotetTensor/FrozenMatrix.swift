import CKernels
import Crypto
import Foundation

/// The number format a frozen matrix is held and multiplied in. Everything else is f32.
public enum Precision: String, Sendable, CaseIterable, Codable {
  case f32, bf16
  /// Weights of 8 bits with a scale for each output; rows of inputs are brought to 8 bits as they come, with a scale
  /// for each. What goes back through the matrix does so in bf16.
  case int8
  /// Weights of 4 bits by blocks of 64, unpacked as they are multiplied: ``NF4Matrix``.
  case nf4
  /// The blocks that a GGUF came with, multiplied as they are: ``StoredBlocks``. Rows of inputs are brought to 8 bits by
  /// blocks of 32. A matrix that its file does not keep in such blocks is held as ``automatic`` says.
  case stored

  /// bf16 where the processor has units for it, f32 elsewhere.
  public static var automatic: Precision { mk_bf16_is_fast() ? .bf16 : .f32 }

  /// What a copy that is trained is held in: rounding to 8 or 4 bits would leave nothing of its steps.
  public var forCopies: Precision {
    switch self {
    case .f32, .bf16: self
    case .int8, .nf4, .stored: .automatic
    }
  }

  /// Whether this processor has the units that the precision needs.
  public var isSupported: Bool {
    switch self {
    case .f32, .nf4, .stored: true
    case .bf16: mk_bf16_is_fast()
    case .int8: mk_int8_is_exact()
    }
  }

  /// Whether a matrix can be held in this precision here: this processor has the units, or the build multiplies without
  /// them, as the portable one does.
  public var isAvailable: Bool { isSupported || String(cString: mk_backend_name()) == "portable" }

  /// The precisions that are available here, in the order of ``Precision``.
  public static var available: [Precision] { allCases.filter(\.isAvailable) }

  /// - Throws: ``TensorError/unavailable(_:)`` where the precision is not available
  public func requireAvailable() throws {
    guard isAvailable else { throw TensorError.unavailable(self) }
  }
}

public enum TensorError: Error, CustomStringConvertible {
  case product(String)
  case allocation(rows: Int, columns: Int, reason: String)
  case notFinite(String)
  case overflowingInputs
  /// This processor lacks the units that the precision needs.
  case unavailable(Precision)

  public var description: String {
    switch self {
    case .product(let reason): "a matrix product failed: \(reason)"
    case .notFinite(let what):
      "\(what) overflow: an adapter in use is far too strong for this base"
    case .overflowingInputs:
      "the squares of a matrix's inputs overflow: give other rows to calibrate on, or quantize without them"
    case .unavailable(let precision):
      "this processor has no units for \(precision.rawValue): use --precision auto, or one of "
        + Precision.available.map(\.rawValue).joined(separator: ", ")
    case .allocation(let rows, let columns, let reason):
      "could not hold a [\(rows), \(columns)] matrix: \(reason)"
    }
  }
}

/// A weight matrix W `[outputs, inputs]` of the base model: packed once, never written to again.
///
/// No member changes W; that is the guarantee that training and serving leave the base alone, and ``hash(into:)``
/// is its check. `dy·W` reads W as it lies where the processor and W's size allow; else a form for it is made when a backward pass asks
/// for it: of a matrix in f32, and of the largest, once; of others each time, into memory that matrices of one size
/// share. NF4 needs none: it is unpacked each time.
@Compute
public final class FrozenMatrix {
  public nonisolated let outputs: Int
  public nonisolated let inputs: Int
  public nonisolated let precision: Precision
  private let forward: Form
  private var backward: PackedForm?
  let turned: TurnedForms
  /// Whether it is one of a copy under training.
  private let isCopy: Bool
  private var plain: [Float]?

  private enum Form {
    case packed(PackedForm)
    case nf4(NF4Form)
    case stored(StoredMatrix)
  }

  /// Packs `weights`, row-major `[outputs, inputs]`.
  /// - Parameters:
  ///   - turned: the memory for `dy·W` that the matrices of a model share; nil for its own
  ///   - inputPeaks: for int8, how large each input gets, `[inputs]`: those that get large are flattened before a row
  ///     is brought to 8 bits, and the weights that take them raised
  public init(
    _ weights: [Float], outputs: Int, inputs: Int, precision: Precision, sharing turned: TurnedForms? = nil,
    inputPeaks: [Float]? = nil
  ) throws {
    precondition(weights.count == outputs * inputs)
    self.outputs = outputs
    self.inputs = inputs
    // Values without blocks of their own.
    let precision = precision == .stored ? .automatic : precision
    try precision.requireAvailable()
    self.precision = precision
    self.turned = turned ?? TurnedForms()
    isCopy = false
    guard let packing = precision.packing else {
      forward = .nf4(NF4Form([NF4Matrix(quantizing: weights, outputs: outputs, inputs: inputs)]))
      return
    }
    // W is B transposed: B(i, j) = W(j, i).
    forward = .packed(
      try PackedForm(
        weights, packing: packing, k: inputs, n: outputs, rowStride: 1, columnStride: inputs,
        flatten: inputPeaks.map { Self.flatten(weights, inputs: inputs, peaks: $0) }))
  }

  /// A copy of another matrix's shape, to be trained: packed as that one is, or as the processor multiplies best where
  /// that holds 8 bits or less.
  public init(_ values: Tensor, copying other: FrozenMatrix) throws {
    precondition(values.rows == other.outputs && values.columns == other.inputs)
    outputs = other.outputs
    inputs = other.inputs
    precision = other.precision.forCopies
    turned = other.turned
    isCopy = true
    forward = .packed(
      try PackedForm(
        values.data, packing: precision == .bf16 ? .bf16 : .f32, k: inputs, n: outputs, rowStride: 1,
        columnStride: inputs))
  }

  /// The next values of a copy, in the memory of `old`, which nobody may use any more.
  /// - Precondition: `old` is a copy; a base's matrix is never written to.
  public init(_ values: Tensor, replacing old: FrozenMatrix) throws {
    precondition(old.isCopy && values.rows == old.outputs && values.columns == old.inputs)
    outputs = old.outputs
    inputs = old.inputs
    precision = old.precision
    turned = old.turned
    isCopy = true
    forward = old.forward
    guard case .packed(let form) = forward else { return }
    try form.refill(values.data, rowStride: 1, columnStride: inputs)
  }

  /// Takes matrices of the same inputs, one below the other, as one.
  public init(_ parts: [NF4Matrix]) {
    precondition(parts.allSatisfy { $0.inputs == parts[0].inputs })
    let form = NF4Form(parts)
    outputs = form.outputs
    inputs = parts[0].inputs
    precision = .nf4
    turned = TurnedForms()
    isCopy = false
    forward = .nf4(form)
  }

  /// Takes matrices of the same inputs, one below the other, as one, in the blocks that they came with.
  /// - Throws: ``TensorError/allocation(rows:columns:reason:)``
  public init(stored parts: [StoredBlocks]) throws {
    let matrix = try StoredMatrix(parts)
    outputs = matrix.outputs
    inputs = matrix.inputs
    precision = .stored
    turned = TurnedForms()
    isCopy = false
    forward = .stored(matrix)
  }

  /// The matrices that this one is made of, where it is in NF4.
  public var nf4Parts: [NF4Matrix] {
    if case .nf4(let form) = forward { form.parts } else { [] }
  }

  /// √(largest weight of an input / largest value of it): Xiao et al. 2022, arXiv 2211.10438, equation 4 with α = ½.
  private static func flatten(_ weights: [Float], inputs: Int, peaks: [Float]) -> [Float] {
    var largest = [Float](repeating: 0, count: inputs)
    for row in stride(from: 0, to: weights.count, by: inputs) {
      for column in 0..<inputs { largest[column] = max(largest[column], abs(weights[row + column])) }
    }
    return zip(largest, peaks).map { weight, peak in
      weight > 0 && peak > 0 ? (weight / peak).squareRoot() : 1
    }
  }

  /// The same weights in 8 bits.
  public func quantized(inputPeaks: [Float]?) throws -> FrozenMatrix {
    try FrozenMatrix(
      floats(), outputs: outputs, inputs: inputs, precision: .int8, sharing: turned, inputPeaks: inputPeaks)
  }

  /// y = x·Wᵀ: `[rows, inputs]` to `[rows, outputs]`; added to `y` with `accumulate`.
  /// - Parameter terms: what adapters add, in the same pass where the form allows it
  public func multiply(
    _ x: Tensor, into y: Tensor, accumulate: Bool = false, adding terms: ForwardTerms = ForwardTerms(),
    kernels: Kernels = .standard
  ) throws {
    precondition(x.columns == inputs && y.columns == outputs && x.rows == y.rows)
    if kernels == .reference {
      let product = Reference.product(
        x.values, unpacked(), rows: x.rows, outputs: outputs, inputs: inputs, transposed: true)
      y.take(product, accumulate: accumulate)
      return y.add(terms, of: x, kernels: kernels)
    }
    switch forward {
    case .packed(let form): try form.multiply(x, into: y, onto: accumulate ? y : nil)
    case .nf4(let form): try form.multiply(x, into: y, isBack: false, accumulate: accumulate)
    case .stored(let matrix):
      return withExtendedLifetime(terms) {
        matrix.multiply(x, into: y, accumulate: accumulate, adding: terms.described)
      }
    }
    y.add(terms, of: x, kernels: kernels)
  }

  /// y = residual + x·Wᵀ, with what adapters that train add to it, of `x` in bf16.
  func multiply(
    _ x: Tensor, into y: Tensor, onto residual: Tensor?, adding terms: ForwardTerms,
    _ training: [mk_low_rank_term]
  ) throws {
    guard case .packed(let form) = forward else {
      if let residual { y.copy(from: residual) }
      try multiply(x, into: y, accumulate: residual != nil, adding: terms, kernels: .fast)
      return mk_low_rank_forward(training, Int64(training.count))
    }
    precondition(x.columns == inputs && y.columns == outputs && x.rows == y.rows)
    precondition(residual.map { $0.rows == y.rows && $0.columns == y.columns } ?? true)
    try form.multiply(x, into: y, onto: residual, adding: training)
    y.add(terms, of: x, kernels: .fast)
  }

  /// What the kernels know it by, where it is in stored blocks.
  var storedHandle: OpaquePointer? {
    if case .stored(let matrix) = forward { matrix.handle } else { nil }
  }

  /// Whether each of its stored parts begins where the kernels begin a run of outputs.
  var hasWholePanels: Bool {
    if case .stored(let matrix) = forward { matrix.hasWholePanels } else { false }
  }

  /// Whether `dy·W` needs no form of its own.
  var goesBackAsItLies: Bool {
    if case .packed(let form) = forward { form.goesBack } else { false }
  }

  /// The length of a row of `dy` that is read fastest where it does not.
  var spreadOutputs: Int { Int(mk_spread(Int64(outputs))) }

  /// dx = dy·W with what adapters that train add to `dx`, of `dy` in bf16, and their gradients. Rows of `dy` may be as long
  /// as ``spreadOutputs`` where W goes back as it lies.
  func multiplyTransposed(_ dy: Tensor, into dx: Tensor, adding training: [mk_low_rank_term]) throws {
    guard case .packed(let form) = forward, form.goesBack else {
      try multiplyTransposed(dy, into: dx, kernels: .fast)
      return mk_low_rank_backward(training, Int64(training.count))
    }
    precondition(dy.columns >= outputs && dx.columns == inputs && dx.rows == dy.rows)
    try form.multiplyBack(dy, into: dx, onto: nil, adding: training)
  }

  /// dx = dy·W: `[rows, outputs]` to `[rows, inputs]`; added to `dx` with `accumulate`.
  public func multiplyTransposed(
    _ dy: Tensor, into dx: Tensor, accumulate: Bool = false, kernels: Kernels = .standard
  ) throws {
    precondition(dy.columns == outputs && dx.columns == inputs && dx.rows == dy.rows)
    if kernels == .reference {
      let product = Reference.product(
        dy.values, unpacked(), rows: dy.rows, outputs: inputs, inputs: outputs, transposed: false)
      return dx.take(product, accumulate: accumulate)
    }
    switch forward {
    case .packed(let form):
      let addend = accumulate ? dx : nil
      if form.goesBack { return try form.multiplyBack(dy, into: dx, onto: addend) }
      try backwardForm(of: form).multiply(dy, into: dx, onto: addend)
    case .nf4(let form): try form.multiply(dy, into: dx, isBack: true, accumulate: accumulate)
    case .stored(let matrix): try backwardForm(of: matrix).multiply(dy, into: dx, onto: accumulate ? dx : nil)
    }
  }

  /// Values of a matrix whose form for `dy·W` is kept: a head would be turned for each of its chunks.
  private static let keptSize = 1 << 24

  private func backwardForm(of forward: PackedForm) throws -> PackedForm {
    if let backward { return backward }
    if precision != .f32, outputs * inputs < Self.keptSize, let form = turned.form(of: forward) {
      return form
    }
    let form = try forward.turned(into: nil) ?? forward.transposed()
    backward = form
    return form
  }

  /// What is kept in blocks goes back through a form of its own, which is kept.
  private func backwardForm(of matrix: StoredMatrix) throws -> PackedForm {
    if let backward { return backward }
    let form = try PackedForm(
      matrix.floats(), packing: Precision.automatic == .bf16 ? .bf16 : .f32, k: outputs, n: inputs,
      rowStride: inputs, columnStride: 1)
    backward = form
    return form
  }

  /// Gives back the memory for `dy·W`; the next backward pass takes it again.
  public func releaseBackward() {
    backward = nil
    turned.release()
  }

  /// Row `index` of W, widened to f32, into `target`.
  func copyRow(_ index: Int, to target: UnsafeMutablePointer<Float>) {
    switch forward {
    case .packed(let form): form.copyColumn(index, to: target)
    case .nf4(let form): form.copyRow(index, to: target)
    case .stored(let matrix): matrix.copyRow(index, to: target)
    }
  }

  /// W as held, row-major `[outputs, inputs]`, widened to f32.
  public func floats() -> [Float] {
    switch forward {
    case .packed(let form): form.floatsTransposed()
    case .nf4(let form): form.floats()
    case .stored(let matrix): matrix.floats()
    }
  }

  /// Feeds the frozen bytes, as they lie in memory, into a hash.
  public func hash(into sha: inout SHA256) {
    switch forward {
    case .packed(let form): sha.update(bufferPointer: form.bytes)
    case .nf4(let form): form.hash(into: &sha)
    case .stored(let matrix): sha.update(bufferPointer: matrix.bytes)
    }
  }

  public var byteCount: Int {
    switch forward {
    case .packed(let form): form.bytes.count + (backward?.bytes.count ?? 0)
    case .nf4(let form): form.byteCount
    case .stored(let matrix): matrix.bytes.count + (backward?.bytes.count ?? 0)
    }
  }

  private func unpacked() -> [Float] {
    if let plain { return plain }
    let values = floats()
    plain = values
    return values
  }
}

extension Tensor {
  func take(_ values: [Float], accumulate: Bool) {
    for index in 0..<count { data[index] = accumulate ? data[index] + values[index] : values[index] }
  }
}

/// A vector of the base model that multiplies element by element, such as a norm's weight.
public struct FrozenVector: Sendable {
  public let values: [Float]

  public init(_ values: [Float]) { self.values = values }

  public func hash(into sha: inout SHA256) {
    values.withUnsafeBytes { sha.update(bufferPointer: $0) }
  }
}
