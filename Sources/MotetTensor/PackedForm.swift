import CKernels
import Foundation

/// One packed matrix B `[k, n]` for products x·B.
final class PackedForm {
  private let handle: OpaquePointer
  private let packing: Packing
  let k: Int
  let n: Int

  /// - Parameter weights: `k · n` values
  init(
    _ weights: UnsafePointer<Float>, packing: Packing, k: Int, n: Int, rowStride: Int,
    columnStride: Int, flatten: [Float]? = nil
  ) throws {
    let made: OpaquePointer?
    switch packing {
    case .f32, .int8:
      made = mk_packed_create(
        weights, packing.element, Int64(k), Int64(n), Int64(rowStride), Int64(columnStride), flatten)
    case .bf16:
      let narrow = Buffer(bytes: k * n * 2)
      let pointer = narrow.pointer.assumingMemoryBound(to: UInt16.self)
      mk_to_bf16(weights, pointer, Int64(k * n))
      made = mk_packed_create(
        pointer, packing.element, Int64(k), Int64(n), Int64(rowStride), Int64(columnStride), nil)
    }
    guard let made else {
      throw TensorError.allocation(rows: n, columns: k, reason: String(cString: mk_last_error()))
    }
    handle = made
    self.packing = packing
    self.k = k
    self.n = n
  }

  /// Packs a matrix in bf16 as it lies there.
  @Compute
  convenience init(_ matrix: Tensor) throws {
    guard
      let made = mk_packed_create(
        matrix.narrow, Int32(MK_BF16), Int64(matrix.rows), Int64(matrix.columns), Int64(matrix.columns), 1,
        nil)
    else {
      throw TensorError.allocation(
        rows: matrix.rows, columns: matrix.columns, reason: String(cString: mk_last_error()))
    }
    self.init(handle: made, packing: .bf16, k: matrix.rows, n: matrix.columns)
  }

  /// Other weights of its size in its memory.
  /// - Parameter weights: `k · n` values; not for 8 bits
  func refill(_ weights: UnsafePointer<Float>, rowStride: Int, columnStride: Int) throws {
    precondition(packing != .int8)
    var status: Int32
    if packing == .bf16 {
      let narrow = Buffer(bytes: k * n * 2)
      let pointer = narrow.pointer.assumingMemoryBound(to: UInt16.self)
      mk_to_bf16(weights, pointer, Int64(k * n))
      status = mk_packed_refill(handle, pointer, Int64(rowStride), Int64(columnStride))
    } else {
      status = mk_packed_refill(handle, weights, Int64(rowStride), Int64(columnStride))
    }
    if status != 0 { throw TensorError.product(String(cString: mk_last_error())) }
  }

  /// Another matrix of its size, in bf16 as it lies there, in its memory.
  @Compute
  func refill(_ matrix: Tensor) throws {
    precondition(packing == .bf16 && matrix.rows == k && matrix.columns == n)
    if mk_packed_refill(handle, matrix.narrow, Int64(n), 1) != 0 {
      throw TensorError.product(String(cString: mk_last_error()))
    }
  }

  private init(handle: OpaquePointer, packing: Packing, k: Int, n: Int) {
    self.handle = handle
    self.packing = packing
    self.k = k
    self.n = n
  }

  deinit { mk_packed_destroy(handle) }

  /// x·B `[rows, n]`.
  /// - Parameters:
  ///   - addend: what `y` begins as: nil for zeros, `y` itself, or another of its size
  ///   - terms: what adapters add to `y`, of inputs in bf16
  @Compute
  func multiply(_ x: Tensor, into y: Tensor, onto addend: Tensor?, adding terms: [mk_low_rank_term] = [])
    throws
  {
    let x = packing == .f32 ? x.converted(to: .f32) : x
    let status = mk_adapted_multiply(
      handle, x.address(ofRow: 0), x.element, Int64(x.rows), y.data, addend?.data, terms,
      Int64(terms.count))
    if status != 0 { throw TensorError.product(String(cString: mk_last_error())) }
  }

  /// Whether ``multiplyBack(_:into:onto:adding:)`` can.
  var goesBack: Bool { mk_packed_goes_back(handle) }

  /// dy·Bᵀ `[rows, k]` from B as it lies.
  /// - Parameters:
  ///   - addend: what `dx` begins as
  ///   - terms: what adapters add to `dx`, and their gradients
  @Compute
  func multiplyBack(
    _ dy: Tensor, into dx: Tensor, onto addend: Tensor?, adding terms: [mk_low_rank_term] = []
  ) throws {
    let status = mk_adapted_multiply_back(
      handle, dy.address(ofRow: 0), dy.element, Int64(dy.columns), Int64(dy.rows), dx.data, addend?.data,
      terms,
      Int64(terms.count))
    if status != 0 { throw TensorError.product(String(cString: mk_last_error())) }
  }

  var bytes: UnsafeRawBufferPointer {
    var count: Int64 = 0
    let pointer = mk_packed_bytes(handle, &count)
    return UnsafeRawBufferPointer(start: pointer, count: Int(count))
  }

  /// The same matrix packed for products with its transpose; what was in 8 bits is then in bf16.
  func transposed() throws -> PackedForm {
    let element = packing == .bf16 ? 2 : 4
    let plain = Buffer(bytes: k * n * element)
    let target: Packing = packing == .f32 ? .f32 : .bf16
    let unpacked = mk_packed_unpack(handle, plain.pointer) == 0
    var source = plain
    if packing == .int8 {
      source = Buffer(bytes: k * n * 2)
      mk_to_bf16(
        plain.pointer.assumingMemoryBound(to: Float.self),
        source.pointer.assumingMemoryBound(to: UInt16.self),
        Int64(k * n))
    }
    guard unpacked,
      let made = mk_packed_create(source.pointer, target.element, Int64(n), Int64(k), 1, Int64(n), nil)
    else { throw TensorError.allocation(rows: k, columns: n, reason: String(cString: mk_last_error())) }
    return PackedForm(handle: made, packing: target, k: n, n: k)
  }

  /// The transpose in bf16, in the memory of `reused` when there is one; nil where the layout does not allow it.
  func turned(into reused: PackedForm?) -> PackedForm? {
    guard packing != .f32, let made = mk_packed_turned(handle, reused?.handle) else { return nil }
    return reused ?? PackedForm(handle: made, packing: .bf16, k: n, n: k)
  }

  func copyColumn(_ index: Int, to target: UnsafeMutablePointer<Float>) {
    mk_packed_column(handle, Int64(index), target)
  }

  /// Bᵀ `[n, k]` widened to f32.
  func floatsTransposed() -> [Float] {
    let element = packing == .bf16 ? 2 : 4
    let plain = Buffer(bytes: k * n * element)
    // Rearranging within memory fails only where memory does.
    if mk_packed_unpack(handle, plain.pointer) != 0 {
      FileHandle.standardError.write(Data("motet: \(String(cString: mk_last_error()))\n".utf8))
      exit(1)
    }
    return [Float](unsafeUninitializedCapacity: k * n) { values, count in
      for i in 0..<k {
        for j in 0..<n {
          switch packing {
          case .f32, .int8: values[j * k + i] = plain.pointer.assumingMemoryBound(to: Float.self)[i * n + j]
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

/// The memory in which matrices are turned for `dy·W`, and inputs packed for `dyᵀ·x` of copies that train: one place for
/// each size.
@Compute
public final class TurnedForms {
  private struct Size: Hashable {
    let k: Int
    let n: Int
  }
  private var forms: [Size: PackedForm] = [:]
  /// By columns: their rows are a pass's tokens, which are seldom as many again.
  private var inputs: [Int: PackedForm] = [:]

  public init() {}

  /// The transpose of `form`, valid until another matrix of its size is turned; nil where its layout forbids it.
  func form(of form: PackedForm) -> PackedForm? {
    let size = Size(k: form.k, n: form.n)
    let turned = form.turned(into: forms[size])
    if let turned { forms[size] = turned }
    return turned
  }

  /// A matrix packed in bf16, valid until another of as many columns is.
  func packed(_ matrix: Tensor) throws -> PackedForm {
    if let form = inputs[matrix.columns], form.k == matrix.rows {
      try form.refill(matrix)
      return form
    }
    inputs[matrix.columns] = nil
    let form = try PackedForm(matrix)
    inputs[matrix.columns] = form
    return form
  }

  func release() {
    forms = [:]
    inputs = [:]
  }
}

/// What a packed matrix holds its values in.
enum Packing {
  case f32, bf16, int8

  /// The name that the C face knows.
  fileprivate var element: Int32 {
    switch self {
    case .f32: Int32(MK_F32)
    case .bf16: Int32(MK_BF16)
    case .int8: Int32(MK_S8)
    }
  }
}

extension Precision {
  /// nil for those that are not packed.
  var packing: Packing? {
    switch self {
    case .f32: .f32
    case .bf16: .bf16
    case .int8: .int8
    case .nf4, .stored: nil
    }
  }
}

extension Tensor {
  /// The name that the C face knows its format by.
  fileprivate var element: Int32 { Int32(storage == .bf16 ? MK_BF16 : MK_F32) }
}
