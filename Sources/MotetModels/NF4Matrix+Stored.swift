import MotetFormats
import MotetTensor

extension NF4Matrix {
  /// The matrix that a file holds.
  convenience init(_ stored: StoredNF4) throws {
    let scales: Scales =
      switch stored.scales {
      case .nested(let codes, let largest, let map, let mean):
        .nested(codes: codes, largest: largest, map: map, mean: mean)
      case .plain(let scales): .plain(scales)
      }
    try self.init(stored, scales: scales)
  }

  private convenience init(_ stored: StoredNF4, scales: Scales) throws {
    self.init(
      outputs: stored.shape[0], inputs: stored.shape[1], codes: try stored.codes.bytes(), scales: scales)
  }
}
