import CKernels
import Foundation

extension NF4Matrix {
  /// Rounds `weights`, row-major `[outputs, inputs]`, so that the outputs stay near for inputs as those that `feedback`
  /// was taken from: a scale for each block by a search, and codes that take up one another's errors.
  ///
  /// About 3·outputs·inputs² operations.
  /// - Parameter fifthBits: whether it has five bits a value; the four of NF4 are then chosen together with the fifth
  public convenience init(
    quantizing weights: [Float], outputs: Int, inputs: Int, feedback: ColumnFeedback, fifthBits: Bool = false
  ) {
    precondition(weights.count == outputs * inputs && feedback.inputs == inputs)
    let (rows, columns) = (Int64(outputs), Int64(inputs))
    var wide = [Float](repeating: 0, count: Self.blocks(weights.count))
    mk_nf4_search_scales(weights, rows, columns, feedback.weights, fifthBits, &wide)
    let scales = NestedScales(rounding: wide)
    var codes = [UInt8](repeating: 0, count: weights.count)
    mk_nf4_round(
      weights, rows, columns, scales.values, feedback.order, feedback.shares, fifthBits, &codes)
    mk_nf4_refine(
      weights, rows, columns, scales.values, feedback.moment, Self.sweeps, fifthBits, &codes)
    let fifth = fifthBits ? Self.lowestBits(of: codes) : nil
    if fifthBits { for index in codes.indices { codes[index] >>= 1 } }
    self.init(
      outputs: outputs, inputs: inputs, codes: Self.pairs(of: codes),
      scales: .nested(codes: scales.codes, largest: scales.largest, map: scales.map, mean: scales.mean),
      fifthBits: fifth)
  }

  /// Two codes of 4 bits a byte, the first in the upper half.
  private static func pairs(of codes: [UInt8]) -> Data {
    var packed = Data(count: (codes.count + 1) / 2)
    for index in packed.indices {
      let low = 2 * index + 1 < codes.count ? codes[2 * index + 1] : zero
      packed[index] = codes[2 * index] << 4 | low
    }
    return packed
  }

  /// The lowest bit of each, the first in the lowest of a byte.
  private static func lowestBits(of codes: [UInt8]) -> Data {
    var bits = [UInt8](repeating: 0, count: fifthBytes(codes.count))
    for (index, code) in codes.enumerated() { bits[index / 8] |= (code & 1) << UInt8(index % 8) }
    return Data(bits)
  }

  /// Times that coordinate descent goes over a row; later ones change little.
  private static var sweeps: Int32 { 3 }
  /// The code of 0.
  private static var zero: UInt8 { 7 }
}

/// The scales of a matrix in 8 bits: what stands for them, and the values that they come to.
private struct NestedScales {
  let codes: [UInt8]
  let largest: [Float]
  let map: [Float]
  let mean: Float
  let values: [Float]

  init(rounding scales: [Float]) {
    var codes = [UInt8](repeating: 0, count: scales.count)
    var largest = [Float](repeating: 0, count: (scales.count + Int(MK_NF4_NESTED) - 1) / Int(MK_NF4_NESTED))
    var map = [Float](repeating: 0, count: 256)
    var mean: Float = 0
    mk_nf4_quantize_scales(scales, Int64(scales.count), &codes, &largest, &mean)
    mk_dynamic_map(&map, true)
    values = codes.indices.map { map[Int(codes[$0])] * largest[$0 / Int(MK_NF4_NESTED)] + mean }
    (self.codes, self.largest, self.map, self.mean) = (codes, largest, map, mean)
  }
}
