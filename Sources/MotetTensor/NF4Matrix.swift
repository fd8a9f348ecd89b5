import CKernels
import Foundation

/// A matrix `[outputs, inputs]` in NF4 (Dettmers et al. 2023, arXiv 2305.14314): 4 bits a value, a scale for each 64 of
/// them along the row-major matrix, and the scales in 8 bits with one f32 for each 256: 0.516 bytes a value.
///
/// Codes, scales and values are those of bitsandbytes' `quantize_4bit(compress_statistics=True)`. A matrix that is rounded
/// by its inputs may have a fifth bit a value beside them, which says on which side of the 4 bits' value it is: 0.641
/// bytes, and a quarter of the error; without those bits it is in NF4 still.
public final class NF4Matrix: Sendable {
  public let outputs: Int
  public let inputs: Int
  /// The mean of the scales, which was taken from them before they were rounded.
  public let scaleMean: Float
  /// Whether the scales are in 8 bits themselves.
  public let isNested: Bool
  /// Whether there are five bits a value.
  public let hasFifthBits: Bool
  private let memory: ExactMemory
  private let layout: Layout

  /// What stands where in the memory.
  private struct Layout {
    let codes: Range<Int>
    let scales: Range<Int>
    let nested: Range<Int>
    let map: Range<Int>
    let fifth: Range<Int>
    let mean: Range<Int>

    init(count: Int, isNested: Bool, hasFifthBits: Bool) {
      let blocks = NF4Matrix.blocks(count)
      var end = 0
      func place(_ bytes: Int) -> Range<Int> {
        defer { end += (bytes + 63) / 64 * 64 }
        return end..<end + bytes
      }
      codes = place((count + 1) / 2)
      scales = place(isNested ? blocks : 4 * blocks)
      nested = place(isNested ? 4 * NF4Matrix.nestedBlocks(count) : 0)
      map = place(isNested ? 4 * 256 : 0)
      fifth = place(hasFifthBits ? NF4Matrix.fifthBytes(count) : 0)
      mean = place(4)
    }
  }

  /// The 16 values, ascending.
  public static var code: [Float] {
    [Float](unsafeUninitializedCapacity: 16) { values, count in
      if let base = values.baseAddress { mk_nf4_code(base) }
      count = 16
    }
  }

  /// The 32 that five bits stand for, ascending.
  public static var fineCode: [Float] {
    [Float](unsafeUninitializedCapacity: 32) { values, count in
      if let base = values.baseAddress { mk_nf4_fine_code(base) }
      count = 32
    }
  }

  /// Scales of so many values.
  public static func blocks(_ count: Int) -> Int { (count + MK_NF4_BLOCK - 1) / MK_NF4_BLOCK }
  /// Scales of those scales.
  public static func nestedBlocks(_ count: Int) -> Int { (blocks(count) + MK_NF4_NESTED - 1) / MK_NF4_NESTED }

  /// Bytes of the fifth bits of so many values.
  public static func fifthBytes(_ count: Int) -> Int { (count + 7) / 8 }

  /// The scales of a matrix that was quantized before.
  public enum Scales: Sendable {
    /// `map[codes[i]] · largest[i / 256] + mean`
    case nested(codes: [UInt8], largest: [Float], map: [Float], mean: Float)
    case plain([Float])
  }

  /// Rounds `weights`, row-major `[outputs, inputs]`.
  public init(quantizing weights: [Float], outputs: Int, inputs: Int) {
    precondition(weights.count == outputs * inputs)
    self.outputs = outputs
    self.inputs = inputs
    isNested = true
    hasFifthBits = false
    layout = Layout(count: weights.count, isNested: true, hasFifthBits: false)
    memory = ExactMemory(count: layout.mean.upperBound)
    var scales = [Float](repeating: 0, count: Self.blocks(weights.count))
    var mean: Float = 0
    mk_nf4_quantize(weights, Int64(weights.count), memory.bytes(layout.codes), &scales)
    mk_nf4_quantize_scales(
      scales, Int64(scales.count), memory.bytes(layout.scales), memory.floats(layout.nested), &mean)
    mk_dynamic_map(memory.floats(layout.map), true)
    memory.floats(layout.mean)[0] = mean
    scaleMean = mean
  }

  /// Takes a matrix as it was quantized. The counts must be those that ``blocks(_:)``, ``nestedBlocks(_:)`` and
  /// ``fifthBytes(_:)`` give.
  /// - Parameter fifthBits: one a value, the lowest of a byte first; nil for 4 bits
  public init(outputs: Int, inputs: Int, codes: some ContiguousBytes, scales: Scales, fifthBits: Data? = nil)
  {
    let count = outputs * inputs
    self.outputs = outputs
    self.inputs = inputs
    if case .nested = scales { isNested = true } else { isNested = false }
    hasFifthBits = fifthBits != nil
    let layout = Layout(count: count, isNested: isNested, hasFifthBits: hasFifthBits)
    let memory = ExactMemory(count: layout.mean.upperBound)
    self.layout = layout
    self.memory = memory
    codes.withUnsafeBytes { memory.take($0, at: layout.codes) }
    fifthBits?.withUnsafeBytes { memory.take($0, at: layout.fifth) }
    switch scales {
    case .nested(let own, let largest, let map, let mean):
      own.withUnsafeBytes { memory.take($0, at: layout.scales) }
      largest.withUnsafeBytes { memory.take($0, at: layout.nested) }
      map.withUnsafeBytes { memory.take($0, at: layout.map) }
      memory.floats(layout.mean)[0] = mean
      scaleMean = mean
    case .plain(let own):
      own.withUnsafeBytes { memory.take($0, at: layout.scales) }
      scaleMean = 0
    }
  }

  /// Two values a byte, the first in the upper half.
  public var codes: Data { memory.data(layout.codes) }
  /// One byte a scale; four where they are not nested.
  public var scales: Data { memory.data(layout.scales) }
  /// The largest size of each 256 scales less their mean, f32.
  public var nestedScales: Data { memory.data(layout.nested) }
  /// The 256 values that the scales' codes stand for, f32.
  public var scaleMap: Data { memory.data(layout.map) }
  /// One bit a value, the lowest of a byte first; nil where there are 4 bits alone.
  public var fifthBits: Data? { hasFifthBits ? memory.data(layout.fifth) : nil }

  /// The values, row-major.
  public func floats() -> [Float] {
    var view = described
    return [Float](unsafeUninitializedCapacity: outputs * inputs) { values, count in
      withExtendedLifetime(self) {
        if let base = values.baseAddress { mk_nf4_unpack(&view, 0, Int64(outputs * inputs), base) }
      }
      count = outputs * inputs
    }
  }

  /// All of it as it lies in memory.
  var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: memory.bytes(layout.codes), count: layout.mean.upperBound)
  }

  /// What the kernels take; valid as long as the matrix is, which its user sees to.
  var described: mk_nf4 {
    var view = mk_nf4()
    view.outputs = Int64(outputs)
    view.inputs = Int64(inputs)
    view.codes = UnsafePointer(memory.bytes(layout.codes))
    if hasFifthBits { view.fifth = UnsafePointer(memory.bytes(layout.fifth)) }
    if isNested {
      view.scales = UnsafePointer(memory.bytes(layout.scales))
      view.nested = UnsafePointer(memory.floats(layout.nested))
      view.map = UnsafePointer(memory.floats(layout.map))
      view.mean = scaleMean
    } else {
      view.wide_scales = UnsafePointer(memory.floats(layout.scales))
    }
    return view
  }
}
