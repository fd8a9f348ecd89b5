import MotetModels

extension LowRankWeights {
  /// Adds weight · scale · B · A to `matrix`, `[outputs, inputs]` row-major, in place.
  ///
  /// Row by row, four ranks a pass, the sum over the ranks kept apart from the row until it is whole:
  /// A stays in the cache, and small updates are not lost in a large base value.
  /// 2 · outputs · inputs · rank operations.
  ///
  /// - Precondition: `matrix` holds `outputs` · `inputs` values.
  public func add(to matrix: inout [Float], weight: Float) {
    precondition(matrix.count == outputs * inputs, "the matrix has another shape than the update")
    var update = [Float](repeating: 0, count: inputs)
    let factor = weight * scale
    matrix.withUnsafeMutableBufferPointer { matrix in
      update.withUnsafeMutableBufferPointer { update in
        loraA.withUnsafeBufferPointer { a in
          loraB.withUnsafeBufferPointer { b in
            guard let matrix = matrix.baseAddress, let update = update.baseAddress,
              let a = a.baseAddress, let b = b.baseAddress
            else { return }
            for output in 0..<outputs {
              multiply(b + output * rank, by: a, factor: factor, into: update)
              let row = matrix + output * inputs
              for i in 0..<inputs { row[i] += update[i] }
            }
          }
        }
      }
    }
  }

  /// update = factor · b · A for one row `b` of B: `[rank]` times `[rank, inputs]`.
  @inline(__always)
  private func multiply(
    _ b: UnsafePointer<Float>, by a: UnsafePointer<Float>, factor: Float,
    into update: UnsafeMutablePointer<Float>
  ) {
    update.update(repeating: 0, count: inputs)
    var k = 0
    while k + 4 <= rank {
      let (b0, b1, b2, b3) = (factor * b[k], factor * b[k + 1], factor * b[k + 2], factor * b[k + 3])
      let (a0, a1) = (a + k * inputs, a + (k + 1) * inputs)
      let (a2, a3) = (a + (k + 2) * inputs, a + (k + 3) * inputs)
      for i in 0..<inputs { update[i] += (b0 * a0[i] + b1 * a1[i]) + (b2 * a2[i] + b3 * a3[i]) }
      k += 4
    }
    while k < rank {
      let (b0, a0) = (factor * b[k], a + k * inputs)
      for i in 0..<inputs { update[i] += b0 * a0[i] }
      k += 1
    }
  }
}

/// Writing adapters into a base matrix for good.
public enum Fuse {
  /// W + Σ wᵢ·sᵢ·Bᵢ·Aᵢ, `[outputs, inputs]` row-major.
  ///
  /// - Parameters:
  ///   - base: W, `[outputs, inputs]` row-major.
  ///   - updates: each adapter's update of this matrix with its weight in the mix.
  ///   - site: the matrix's name, for errors.
  /// - Throws: `FuseError` when an update has another shape than W, or when the sum is not finite.
  public static func fused(
    base: [Float], outputs: Int, inputs: Int, adding updates: [(weights: LowRankWeights, weight: Float)],
    site: String
  ) throws -> [Float] {
    guard base.count == outputs * inputs else {
      throw FuseError.wrongBase(site: site, outputs: outputs, inputs: inputs, count: base.count)
    }
    var sum = base
    for (update, weight) in updates {
      guard update.outputs == outputs, update.inputs == inputs else {
        throw FuseError.wrongShape(
          site: site, base: [outputs, inputs], update: [update.outputs, update.inputs])
      }
      update.add(to: &sum, weight: weight)
    }
    guard sum.allSatisfy(\.isFinite) else { throw FuseError.notFinite(site: site) }
    return sum
  }

  /// W with what each adapter of a mix changes of it, whatever its method, times its weight.
  /// - Throws: ``FuseError``
  static func fused(base: [Float], _ site: AdapterSite, _ mix: Mix) throws -> [Float] {
    var sum = base
    for term in mix.terms {
      let weights = term.adapter.weights
      try weights.method.fuse(weights, weight: term.weight, at: site, base: base, into: &sum)
    }
    guard sum.allSatisfy(\.isFinite) else { throw FuseError.notFinite(site: site.path) }
    return sum
  }
}

extension Fuse {
  /// What a layer adds with what each adapter of a mix changes of it, times its weight.
  /// - Throws: ``FuseError/notFinite(site:)``
  static func fused(bias: [Float], _ site: AdapterSite, _ mix: Mix) throws -> [Float] {
    var sum = bias
    for term in mix.terms {
      let weights = term.adapter.weights
      weights.method.fuseBias(weights, weight: term.weight, at: site, base: bias, into: &sum)
    }
    guard sum.allSatisfy(\.isFinite) else { throw FuseError.notFinite(site: site.path) }
    return sum
  }
}

/// Why a matrix cannot be fused.
public enum FuseError: Error, Equatable, CustomStringConvertible {
  case wrongBase(site: String, outputs: Int, inputs: Int, count: Int)
  case wrongShape(site: String, base: [Int], update: [Int])
  case notFinite(site: String)

  public var description: String {
    switch self {
    case .wrongBase(let site, let outputs, let inputs, let count):
      "\(site): the base matrix has \(count) values where [\(outputs), \(inputs)] needs \(outputs * inputs)"
    case .wrongShape(let site, let base, let update):
      "\(site): the base matrix is \(base) and the adapter's update \(update); "
        + "the adapter was made for another base"
    case .notFinite(let site):
      "\(site): the fused matrix has values that are not finite; use smaller weights in the mix"
    }
  }
}
