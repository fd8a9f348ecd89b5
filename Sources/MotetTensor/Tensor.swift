import CKernels

/// A row-major f32 matrix on the compute thread: activations `[tokens, width]`, parameters, gradients.
@Compute
public final class Tensor {
  public nonisolated let rows: Int
  public nonisolated let columns: Int
  /// Where the gradient of this tensor gathers; nil when none is wanted.
  let gradient: Gradient?
  private let buffer: Buffer

  /// A matrix with undefined contents.
  public init(rows: Int, columns: Int, wantsGradient: Bool = false) {
    self.rows = rows
    self.columns = columns
    gradient = wantsGradient ? Gradient() : nil
    buffer = Buffer(bytes: rows * columns * MemoryLayout<Float>.stride)
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

  public var data: UnsafeMutablePointer<Float> { buffer.pointer.assumingMemoryBound(to: Float.self) }

  public func row(_ index: Int) -> UnsafeMutablePointer<Float> { data + index * columns }

  public func fill(_ value: Float) { data.update(repeating: value, count: count) }

  public func copy(from other: Tensor) { data.update(from: other.data, count: count) }

  /// self += scale · other
  public func add(_ other: Tensor, scale: Float = 1) {
    mk_add_scaled(data, other.data, scale, Int64(count))
  }

  public var values: [Float] { Array(UnsafeBufferPointer(start: data, count: count)) }
}

/// The place where gradients of one tensor meet. Operators keep this, not the tensor, so that activations can go
/// while their gradients are still to come.
@Compute
final class Gradient {
  private(set) var value: Tensor?

  /// Adds `gradient`, which nobody else may use afterwards: the first one is simply kept.
  func accumulate(_ gradient: Tensor) {
    if let value { value.add(gradient) } else { value = gradient }
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

  public init(rows: Int, columns: Int, _ values: [Float], trainable: Bool) {
    self.rows = rows
    self.columns = columns
    self.values = Tensor(rows: rows, columns: columns, values)
    gradient = trainable ? Tensor.zeros(rows: rows, columns: columns) : nil
  }

  public var isTrainable: Bool { gradient != nil }
  public nonisolated var count: Int { rows * columns }
}
