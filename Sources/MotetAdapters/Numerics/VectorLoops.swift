/// The three f64 loops every factorisation here is made of, eight lanes at a time.
///
/// Sums run in a fixed order, so that a merge gives the same bits each time.
enum VectorLoops {
  private typealias Lanes = SIMD8<Double>

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Double>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  private static func store(_ lanes: Lanes, _ pointer: UnsafeMutablePointer<Double>) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: lanes, as: Lanes.self)
  }

  /// Σ xᵢ·yᵢ
  static func dot(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ count: Int) -> Double {
    var sum = Lanes.zero
    var i = 0
    while i + 8 <= count {
      sum += load(x + i) * load(y + i)
      i += 8
    }
    var total = sum.sum()
    while i < count {
      total += x[i] * y[i]
      i += 1
    }
    return total
  }

  /// y += a·x
  static func add(
    _ a: Double, _ x: UnsafePointer<Double>, to y: UnsafeMutablePointer<Double>, _ count: Int
  ) {
    let factor = Lanes(repeating: a)
    var i = 0
    while i + 8 <= count {
      store(load(y + i) + factor * load(x + i), y + i)
      i += 8
    }
    while i < count {
      y[i] += a * x[i]
      i += 1
    }
  }

  /// (x, y) ← (c·x − s·y, s·x + c·y)
  static func rotate(
    _ x: UnsafeMutablePointer<Double>, _ y: UnsafeMutablePointer<Double>, cosine: Double, sine: Double,
    _ count: Int
  ) {
    let c = Lanes(repeating: cosine)
    let s = Lanes(repeating: sine)
    var i = 0
    while i + 8 <= count {
      let (u, v) = (load(x + i), load(y + i))
      store(c * u - s * v, x + i)
      store(s * u + c * v, y + i)
      i += 8
    }
    while i < count {
      let (u, v) = (x[i], y[i])
      x[i] = cosine * u - sine * v
      y[i] = sine * u + cosine * v
      i += 1
    }
  }
}
