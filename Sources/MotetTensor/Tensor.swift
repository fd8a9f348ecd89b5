import CKernels

/// A row-major matrix on the compute thread: activations `[tokens, width]`, parameters, gradients.
///
/// It is in f32, but for activations and gradients that a bf16 matrix takes as they are.
@Compute
public final class Tensor {
  public nonisolated let rows: Int
  public nonisolated let columns: Int
  public nonisolated let storage: ActivationStorage
  /// Where the gradient of this tensor gathers; nil when none is wanted.
  let gradient: Gradient?
  private let buffer: Buffer

  /// A matrix with undefined contents.
  public init(
    rows: Int, columns: Int, as storage: ActivationStorage = .f32, wantsGradient: Bool = false
  ) {
    self.rows = rows
    self.columns = columns
    self.storage = storage
    gradient = wantsGradient ? Gradient() : nil
    buffer = Buffer(bytes: rows * columns * storage.stride)
  }

  /// A matrix of given values; `values.count` is `rows · columns`.
  public convenience init(rows: Int, columns: Int, _ values: [Float], wantsGradient: Bool = false) {
    precondition(values.count == rows * columns, "\(values.count) values do not fill [\(rows), \(columns)]")
    self.init(rows: rows, columns: columns, wantsGradient: wantsGradient)
    values.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { data.update(from: base, count: source.count) }
    }
  }

  public static func zeros(rows: Int, columns: Int) -> Tensor {
    let tensor = Tensor(rows: rows, columns: columns)
    tensor.fill(0)
    return tensor
  }

  public nonisolated var count: Int { rows * columns }

  /// Whether a backward pass will leave a gradient here.
  public var wantsGradient: Bool { gradient != nil }

  /// The gradient after a backward pass, for tests and for those who train inputs.
  public var gradientValue: Tensor? { gradient?.value }

  public var data: UnsafeMutablePointer<Float> {
    precondition(storage == .f32)
    return buffer.pointer.assumingMemoryBound(to: Float.self)
  }

  /// The values of a tensor in bf16.
  var narrow: UnsafeMutablePointer<UInt16> {
    precondition(storage == .bf16)
    return buffer.pointer.assumingMemoryBound(to: UInt16.self)
  }

  /// The first value of a row, in whichever format.
  func address(ofRow index: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(buffer.pointer + index * columns * storage.stride)
  }

  /// This tensor in another format; itself when it is in that one.
  public func converted(to format: ActivationStorage) -> Tensor {
    if format == storage { return self }
    let other = Tensor(rows: rows, columns: columns, as: format)
    switch format {
    case .f32: mk_from_bf16(narrow, other.data, Int64(count))
    case .bf16: mk_to_bf16(data, other.narrow, Int64(count))
    }
    return other
  }

  /// Values as bf16 holds them.
  public static func roundedToBF16(_ values: [Float]) -> [Float] {
    [Float](unsafeUninitializedCapacity: values.count) { wide, count in
      var narrow = [UInt16](repeating: 0, count: values.count)
      mk_to_bf16(values, &narrow, Int64(values.count))
      if let base = wide.baseAddress { mk_from_bf16(narrow, base, Int64(values.count)) }
      count = values.count
    }
  }

  public func row(_ index: Int) -> UnsafeMutablePointer<Float> { data + index * columns }

  public func fill(_ value: Float) { data.update(repeating: value, count: count) }

  /// The same memory without the place for a gradient, for those who keep a result but must not keep what
  /// flows back into it.
  var withoutGradient: Tensor { Tensor(sharing: self, wantsGradient: false) }

  /// The same memory with a place of its own for a gradient.
  var withPlaceForGradient: Tensor { Tensor(sharing: self, wantsGradient: true) }

  private init(sharing other: Tensor, wantsGradient: Bool) {
    rows = other.rows
    columns = other.columns
    storage = other.storage
    gradient = wantsGradient ? Gradient() : nil
    buffer = other.buffer
  }

  /// Copies rows of another tensor of this width and format to rows of this one.
  func copyRows(_ source: Range<Int>, of other: Tensor, to target: Range<Int>) {
    precondition(other.storage == storage && other.columns == columns && source.count == target.count)
    (buffer.pointer + target.lowerBound * columns * storage.stride).copyMemory(
      from: other.address(ofRow: source.lowerBound), byteCount: source.count * columns * storage.stride)
  }

  func clearRows(_ rows: Range<Int>) {
    let bytes = columns * storage.stride
    (buffer.pointer + rows.lowerBound * bytes).initializeMemory(
      as: UInt8.self, repeating: 0, count: rows.count * bytes)
  }

  func take(bytesFrom source: UnsafeRawPointer) {
    buffer.pointer.copyMemory(from: source, byteCount: count * storage.stride)
  }

  public func copy(from other: Tensor) { data.update(from: other.data, count: count) }

  /// self += scale · other
  public func add(_ other: Tensor, scale: Float = 1) {
    mk_add_scaled(data, other.data, scale, Int64(count))
  }

  /// The values, widened to f32.
  public var values: [Float] {
    let wide = converted(to: .f32)
    return Array(UnsafeBufferPointer(start: wide.data, count: count))
  }
}

/// The place where gradients of one tensor meet. Operators keep this, not the tensor, so that activations can go
/// while their gradients are still to come.
@Compute
final class Gradient {
  private(set) var value: Tensor?

  /// Adds `gradient`, which nobody else may use afterwards: the first one is simply kept.
  func accumulate(_ gradient: Tensor) {
    guard let present = value else {
      value = gradient
      return
    }
    let sum = present.converted(to: .f32)
    sum.add(gradient.converted(to: .f32))
    value = sum
  }

  /// The sum so far to add to in place, made of zeros when there is none yet.
  func accumulator(rows: Int, columns: Int) -> Tensor {
    if let value { return value }
    let fresh = Tensor.zeros(rows: rows, columns: columns)
    value = fresh
    return fresh
  }

  /// Hands the gradient over; nil when nothing flowed here.
  func take() -> Tensor? {
    defer { value = nil }
    return value
  }
}

/// A trainable or loaded matrix of an adapter.
@Compute
public final class Parameter {
  public nonisolated let rows: Int
  public nonisolated let columns: Int
  public let values: Tensor
  /// Zeroed by the optimizer after each step; nil for a parameter that does not train.
  public let gradient: Tensor?
  /// What the learning rate of a step is multiplied by for this parameter.
  public nonisolated let rate: Double

  public init(rows: Int, columns: Int, _ values: [Float], trainable: Bool, rate: Double = 1) {
    self.rows = rows
    self.columns = columns
    self.rate = rate
    self.values = Tensor(rows: rows, columns: columns, values)
    gradient = trainable ? Tensor.zeros(rows: rows, columns: columns) : nil
  }

  public var isTrainable: Bool { gradient != nil }
  public nonisolated var count: Int { rows * columns }
}

extension Tensor {
  /// The largest size in each column.
  public func largestByColumn() -> [Float] {
    let wide = converted(to: .f32)
    var largest = [Float](repeating: 0, count: columns)
    for row in 0..<rows {
      let values = wide.row(row)
      for column in 0..<columns { largest[column] = max(largest[column], abs(values[column])) }
    }
    return largest
  }
}
