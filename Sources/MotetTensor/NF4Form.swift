import CKernels
import Crypto

/// W in NF4 for products: matrices of the same inputs one below the other, each quantized by itself.
///
/// No wide form is held: each product unpacks the matrix by pieces, both ways.
struct NF4Form {
  let parts: [NF4Matrix]
  private let described: [mk_nf4]

  init(_ parts: [NF4Matrix]) {
    self.parts = parts
    described = parts.map(\.described)
  }

  var outputs: Int { parts.reduce(0) { $0 + $1.outputs } }
  var byteCount: Int { parts.reduce(0) { $0 + $1.bytes.count } }

  /// y = x·Wᵀ, or x·W with `isBack`.
  @Compute
  func multiply(_ x: Tensor, into y: Tensor, isBack: Bool, accumulate: Bool) throws {
    let type = x.storage == .bf16 ? MK_BF16 : MK_F32
    let failed = withExtendedLifetime(parts) {
      mk_nf4_multiply(
        described, Int64(described.count), isBack, x.address(ofRow: 0), Int32(type), Int64(x.rows), y.data,
        accumulate)
    }
    if failed != 0 { throw TensorError.product(String(cString: mk_last_error())) }
  }

  /// Row `index` of W.
  func copyRow(_ index: Int, to target: UnsafeMutablePointer<Float>) {
    var row = index
    for var part in described {
      if row < part.outputs {
        withExtendedLifetime(parts) { mk_nf4_unpack(&part, Int64(row) * part.inputs, part.inputs, target) }
        return
      }
      row -= Int(part.outputs)
    }
  }

  /// Feeds the frozen bytes, as they lie in memory, into a hash.
  func hash(into sha: inout SHA256) {
    for part in parts { withExtendedLifetime(part) { sha.update(bufferPointer: part.bytes) } }
  }

  /// W row-major.
  func floats() -> [Float] { parts.count == 1 ? parts[0].floats() : parts.flatMap { $0.floats() } }
}
