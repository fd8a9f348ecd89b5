import CKernels
import Foundation
import MotetTensor

/// How fast this machine reads memory: a pass of a few rows cannot be faster than the bytes it reads.
public enum MemoryBandwidth {
  /// Bytes a second with all threads, the best of some readings of far more than caches hold.
  @Compute
  public static func measured() -> Double {
    let count = 48 << 20
    let words = [UInt64](repeating: 1, count: count)
    var best = 0.0
    for _ in 0..<5 {
      let began = ContinuousClock.now
      let sum = words.withUnsafeBytes { mk_sum_words($0.baseAddress, Int64(count)) }
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      precondition(sum == UInt64(count), "memory was not read whole")
      best = max(best, Double(count * 8) / seconds)
    }
    return best
  }
}
