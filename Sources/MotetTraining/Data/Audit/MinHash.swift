import MotetTensor

/// Signatures of sets whose equal parts are as frequent as the sets' Jaccard similarity.
///
/// 128 minima in 16 bands of 8: two sets with similarity s have a band in common with probability
/// 1 − (1 − s⁸)¹⁶, which is 95% at 0.8, 99.4% at 0.85 and 6% at 0.5. Sources: Broder 1997, "On the resemblance
/// and containment of documents"; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4.
struct MinHash {
  static let bands = 16
  static let rowsPerBand = 8

  private let factors: [UInt64]
  private let offsets: [UInt64]

  init() {
    var generator = SeededGenerator(seed: 0, for: "minhash")
    let count = Self.bands * Self.rowsPerBand
    factors = (0..<count).map { _ in generator.next() | 1 }
    offsets = (0..<count).map { _ in generator.next() }
  }

  /// A key for each band; equal where the band's minima are.
  func bandKeys(_ shingles: Shingles) -> [UInt32] {
    var minima = [UInt32](repeating: .max, count: factors.count)
    minima.withUnsafeMutableBufferPointer { minima in
      factors.withUnsafeBufferPointer { factors in
        offsets.withUnsafeBufferPointer { offsets in
          for shingle in shingles.hashes {
            for place in minima.indices {
              let value = UInt32(truncatingIfNeeded: (shingle &* factors[place] &+ offsets[place]) >> 32)
              minima[place] = min(minima[place], value)
            }
          }
        }
      }
    }
    return (0..<Self.bands).map { band in
      var key: UInt64 = UInt64(band)
      for minimum in minima[band * Self.rowsPerBand..<(band + 1) * Self.rowsPerBand] {
        key = mixed(key ^ UInt64(minimum))
      }
      return UInt32(truncatingIfNeeded: key)
    }
  }
}
