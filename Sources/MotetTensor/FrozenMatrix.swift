import CKernels
import Crypto
import Foundation

/// The number format a frozen matrix is held and multiplied in. Everything else is f32.
public enum Precision: String, Sendable, CaseIterable, Codable {
  case f32, bf16

  /// bf16 where the processor has units for it, f32 elsewhere.
  public static var automatic: Precision { mk_bf16_is_fast() ? .bf16 : .f32 }
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
/// is its check. The form for `dy·W` is packed when a backward pass first asks for it.
@Compute
public final class FrozenMatrix {
  public nonisolated let outputs: Int
  public nonisolated let inputs: Int
  public nonisolated let precision: Precision
  private let forward: PackedForm
  private var backward: PackedForm?
  private var plain: [Float]?

  /// Packs `weights`, row-major `[outputs, inputs]`.
  public init(_ weights: [Float], outputs: Int, inputs: Int, precision: Precision) throws {
    precondition(weights.count == outputs * inputs)
    self.outputs = outputs
    self.inputs = inputs
    self.precision = precision
    // W is B transposed: B(i, j) = W(j, i).
    forward = try PackedForm(
      weights, precision: precision, k: inputs, n: outputs, rowStride: 1, columnStride: inputs)
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
    let form = try backward ?? forward.transposed()
    backward = form
    try form.multiply(dy, into: dx, accumulate: accumulate)
  }

  /// Gives back the form for `dy·W`; the next backward pass packs it again.
  public func releaseBackward() { backward = nil }

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

/// One packed matrix B `[k, n]` for products x·B. The forms of later precisions stand beside it.
private final class PackedForm {
  private let handle: OpaquePointer
  private let precision: Precision
  private let k: Int
  private let n: Int

  init(
    _ weights: [Float], precision: Precision, k: Int, n: Int, rowStride: Int,
    columnStride: Int
  ) throws {
    let made: OpaquePointer?
    switch precision {
    case .f32:
      made = mk_packed_create(
        weights, Int32(MK_F32), Int64(k), Int64(n), Int64(rowStride), Int64(columnStride))
    case .bf16:
      let narrow = Buffer(bytes: weights.count * 2)
      let pointer = narrow.pointer.assumingMemoryBound(to: UInt16.self)
      mk_to_bf16(weights, pointer, Int64(weights.count))
      made = mk_packed_create(
        pointer, Int32(MK_BF16), Int64(k), Int64(n), Int64(rowStride), Int64(columnStride))
    }
    guard let made else {
      throw TensorError.allocation(rows: n, columns: k, reason: String(cString: mk_last_error()))
    }
    handle = made
    self.precision = precision
    self.k = k
    self.n = n
  }

  private init(handle: OpaquePointer, precision: Precision, k: Int, n: Int) {
    self.handle = handle
    self.precision = precision
    self.k = k
    self.n = n
  }

  deinit { mk_packed_destroy(handle) }

  @Compute
  func multiply(_ x: Tensor, into y: Tensor, accumulate: Bool) throws {
    let x = precision == .f32 ? x.converted(to: .f32) : x
    let type = x.storage == .bf16 ? MK_BF16 : MK_F32
    if mk_packed_multiply(
      handle, x.address(ofRow: 0), Int32(type), Int64(x.rows), y.data, accumulate) != 0
    {
      throw TensorError.product(String(cString: mk_last_error()))
    }
  }

  var bytes: UnsafeRawBufferPointer {
    var count: Int64 = 0
    let pointer = mk_packed_bytes(handle, &count)
    return UnsafeRawBufferPointer(start: pointer, count: Int(count))
  }

  /// The same matrix packed for products with its transpose.
  func transposed() throws -> PackedForm {
    let element = precision == .f32 ? 4 : 2
    let plain = Buffer(bytes: k * n * element)
    let type = precision == .f32 ? MK_F32 : MK_BF16
    guard mk_packed_unpack(handle, plain.pointer) == 0,
      let made = mk_packed_create(
        plain.pointer, Int32(type), Int64(n), Int64(k), 1, Int64(n))
    else { throw TensorError.allocation(rows: k, columns: n, reason: String(cString: mk_last_error())) }
    return PackedForm(handle: made, precision: precision, k: n, n: k)
  }

  /// Bᵀ `[n, k]` widened to f32.
  func floatsTransposed() -> [Float] {
    let element = precision == .f32 ? 4 : 2
    let plain = Buffer(bytes: k * n * element)
    // Rearranging within memory fails only where memory does.
    if mk_packed_unpack(handle, plain.pointer) != 0 {
      FileHandle.standardError.write(Data("motet: \(String(cString: mk_last_error()))\n".utf8))
      exit(1)
    }
    return [Float](unsafeUninitializedCapacity: k * n) { values, count in
      for i in 0..<k {
        for j in 0..<n {
          switch precision {
          case .f32: values[j * k + i] = plain.pointer.assumingMemoryBound(to: Float.self)[i * n + j]
          case .bf16:
            let bits = plain.pointer.assumingMemoryBound(to: UInt16.self)[i * n + j]
            values[j * k + i] = Float(bitPattern: UInt32(bits) << 16)
          }
        }
      }
      count = k * n
    }
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
