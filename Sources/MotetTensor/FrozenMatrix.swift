import CKernels
import Crypto
import Foundation

/// The number format a frozen matrix is held and multiplied in. Everything else is f32.
public enum Precision: String, Sendable, CaseIterable, Codable {
  case f32, bf16
  /// Weights of 8 bits with a scale for each output; rows of inputs are brought to 8 bits as they come, with a scale
  /// for each. What goes back through the matrix does so in bf16.
  case int8

  /// bf16 where the processor has units for it, f32 elsewhere.
  public static var automatic: Precision { mk_bf16_is_fast() ? .bf16 : .f32 }

  /// Whether this processor has the units that the precision needs.
  public var isSupported: Bool {
    switch self {
    case .f32: true
    case .bf16: mk_bf16_is_fast()
    case .int8: mk_int8_is_exact()
    }
  }
}

public enum TensorError: Error, CustomStringConvertible {
  case product(String)
  case allocation(rows: Int, columns: Int, reason: String)
  case notFinite(String)

  public var description: String {
    switch self {
    case .product(let reason): "a matrix product failed: \(reason)"
    case .notFinite(let what):
      "\(what) overflow: an adapter in use is far too strong for this base"
    case .allocation(let rows, let columns, let reason):
      "could not hold a [\(rows), \(columns)] matrix: \(reason)"
    }
  }
}

/// A weight matrix W `[outputs, inputs]` of the base model: packed once, never written to again.
///
/// No member changes W; that is the guarantee that training and serving leave the base alone, and ``hash(into:)``
/// is its check. The form for `dy·W` is made when a backward pass asks for it: of a matrix in f32, and of the largest,
/// once; of others each time, into memory that matrices of one size share.
@Compute
public final class FrozenMatrix {
  public nonisolated let outputs: Int
  public nonisolated let inputs: Int
  public nonisolated let precision: Precision
  private let forward: PackedForm
  private var backward: PackedForm?
  private let turned: TurnedForms
  private var plain: [Float]?

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
    self.precision = precision
    self.turned = turned ?? TurnedForms()
    // W is B transposed: B(i, j) = W(j, i).
    forward = try PackedForm(
      weights, precision: precision, k: inputs, n: outputs, rowStride: 1, columnStride: inputs,
      flatten: inputPeaks.map { Self.flatten(weights, inputs: inputs, peaks: $0) })
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
  public func multiply(
    _ x: Tensor, into y: Tensor, accumulate: Bool = false, kernels: Kernels = .standard
  ) throws {
    precondition(x.columns == inputs && y.columns == outputs && x.rows == y.rows)
    if kernels == .reference {
      let product = Reference.product(
        x.values, unpacked(), rows: x.rows, outputs: outputs, inputs: inputs, transposed: true)
      return y.take(product, accumulate: accumulate)
    }
    try forward.multiply(x, into: y, accumulate: accumulate)
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
    try backwardForm().multiply(dy, into: dx, accumulate: accumulate)
  }

  /// Values of a matrix whose form for `dy·W` is kept: a head would be turned for each of its chunks.
  private static let keptSize = 1 << 24

  private func backwardForm() throws -> PackedForm {
    if let backward { return backward }
    if precision != .f32, outputs * inputs < Self.keptSize, let form = turned.form(of: forward) {
      return form
    }
    let form = try forward.turned(into: nil) ?? forward.transposed()
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
    forward.copyColumn(index, to: target)
  }

  /// W as held, row-major `[outputs, inputs]`, widened to f32.
  public func floats() -> [Float] { forward.floatsTransposed() }

  /// Feeds the frozen bytes, as they lie in memory, into a hash.
  public func hash(into sha: inout SHA256) {
    sha.update(bufferPointer: forward.bytes)
  }

  public var byteCount: Int { forward.bytes.count + (backward?.bytes.count ?? 0) }

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
