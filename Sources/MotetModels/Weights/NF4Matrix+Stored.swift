import Foundation
import MotetFormats
import MotetTensor

extension NF4Matrix {
  /// The matrix that a file holds.
  /// - Parameter fifthBits: as ``StoredNF4/fifthBits(_:in:)`` gives them
  convenience init(_ stored: StoredNF4, fifthBits: Data? = nil) throws {
    let scales: Scales =
      switch stored.scales {
      case .nested(let codes, let largest, let map, let mean):
        .nested(codes: codes, largest: largest, map: map, mean: mean)
      case .plain(let scales): .plain(scales)
      }
    self.init(
      outputs: stored.shape[0], inputs: stored.shape[1], codes: try stored.codes.bytes(), scales: scales,
      fifthBits: fifthBits)
  }
}
