import CKernels

/// Xᵀ·X `[width, width]` over the rows of all inputs seen.
@Compute
public final class InputMoment {
  public nonisolated let width: Int
  private let sum: Tensor
  public private(set) var rows = 0

  public init(width: Int) {
    self.width = width
    sum = .zeros(rows: width, columns: width)
  }

  /// As it is, row-major.
  public var values: [Float] { sum.values }

  /// Adds the rows of `x` `[rows, width]`.
  public func add(_ x: Tensor) {
    precondition(x.columns == width)
    mk_gemm(
      Int64(width), Int64(width), Int64(x.rows), 1, x.data, 1, Int64(width), x.data, Int64(width), 1, 1,
      sum.data, Int64(width))
    rows += x.rows
  }

  /// Adds what another has seen.
  public func add(_ other: InputMoment) {
    precondition(other.width == width)
    sum.add(other.sum)
    rows += other.rows
  }

  /// A·XᵀX for `a` `[count, width]`, row-major.
  public func product(_ a: [Float]) -> [Float] {
    let count = a.count / width
    let result = Tensor(rows: count, columns: width)
    mk_gemm(
      Int64(count), Int64(width), Int64(width), 1, a, Int64(width), 1, sum.data, Int64(width), 1, 0,
      result.data, Int64(width))
    return result.values
  }

  /// R·(XᵀX + λI)⁻¹ for `r` `[count, width]`, row-major; λ is `ridge` times the mean of the diagonal.
  /// - Throws: ``TensorError/notFinite(_:)`` when inputs were so large that their squares overflow
  public func solve(_ r: [Float], ridge: Double) throws -> [Float] {
    let values = sum.data
    let mean = (0..<width).reduce(0.0) { $0 + Double(values[$1 * width + $1]) } / Double(width)
    // An input that was always zero says nothing: the ridge then stands alone.
    var ridge = max(ridge * mean, .leastNormalMagnitude)
    while ridge.isFinite {
      var matrix = (0..<width * width).map { Double(values[$0]) }
      for i in 0..<width { matrix[i * width + i] += ridge }
      var solution = r.map(Double.init)
      if mk_solve_symmetric(&matrix, Int64(width), &solution, Int64(r.count / width)) {
        return solution.map { Float($0) }
      }
      // Rounding of the f32 sum made it indefinite: more ridge mends that.
      ridge *= 10
    }
    throw TensorError.notFinite("the inputs of a matrix")
  }
}
