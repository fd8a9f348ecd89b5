import CKernels
import Foundation
import MotetTensor

/// Moves an adapter's parameters along their gradients.
///
/// A conforming type holds the parameters it moves and whatever it remembers of earlier steps. What it remembers it
/// can hand out and take back, so that a run that was killed goes on bit for bit.
@Compute
public protocol Optimizer: AnyObject {
  var parameters: [Parameter] { get }

  /// Moves the parameters and zeroes their gradients.
  /// - Parameter gradientScale: what the gradients are multiplied by first, for clipping
  func step(learningRate: Double, gradientScale: Double)

  /// Steps taken so far.
  var steps: Int { get }

  /// What it remembers, array by array.
  var arrays: [OptimizerArray] { get }

  /// Goes on from a state that an optimizer of the same kind gave for the same parameters.
  /// - Throws: ``OptimizerStateError`` when it is another's; nothing has changed then
  func restore(_ state: OptimizerState) throws
}

/// An array of what an optimizer remembers, lent for as long as it is read: a checkpoint writes it without a copy.
@Compute
public struct OptimizerArray {
  /// `mean.3` for the fourth parameter's.
  public let name: String
  public let bytes: Int
  /// Hands out its bytes as they lie in memory, little-endian, one piece after another.
  public let lend: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
}

extension Optimizer {
  /// A copy of what it remembers.
  public var state: OptimizerState {
    var state = OptimizerState(steps: steps)
    for array in arrays {
      var copy = Data(capacity: array.bytes)
      // Appending throws nothing.
      try? array.lend { copy.append(contentsOf: $0) }
      state.blobs[array.name] = copy
    }
    return state
  }

  /// √Σg² over all parameters.
  public func gradientNorm() -> Double {
    parameters.reduce(0) { sum, parameter in
      guard let gradient = parameter.gradient else { return sum }
      return sum + mk_sum_of_squares(gradient.data, Int64(gradient.count))
    }.squareRoot()
  }

  /// Zeroes the gradients and moves nothing: a step that is skipped.
  public func discardGradients() {
    for parameter in parameters { parameter.gradient?.fill(0) }
  }
}

/// What an optimizer remembers, as a checkpoint keeps it.
public struct OptimizerState: Sendable, Equatable {
  /// Steps taken so far.
  public var steps: Int
  /// Bytes as they lie in memory, little-endian, by name: `mean.3` for the fourth parameter's.
  public var blobs: [String: Data]

  public init(steps: Int = 0, blobs: [String: Data] = [:]) {
    self.steps = steps
    self.blobs = blobs
  }

  /// The blob called `name`.
  /// - Throws: ``OptimizerStateError`` when it is missing or has another size than `bytes`
  public func blob(_ name: String, bytes: Int) throws -> Data {
    guard let blob = blobs[name] else { throw OptimizerStateError.missing(name) }
    guard blob.count == bytes else {
      throw OptimizerStateError.size(name, bytes: blob.count, expected: bytes)
    }
    return blob
  }
}

public enum OptimizerStateError: Error, Equatable, CustomStringConvertible {
  case missing(String)
  case size(String, bytes: Int, expected: Int)

  public var description: String {
    switch self {
    case .missing(let name): "the optimizer's state lacks \(name): it was saved by another optimizer"
    case .size(let name, let bytes, let expected):
      "the optimizer's \(name) has \(bytes) bytes, not \(expected): it was saved for other parameters"
    }
  }
}

/// The optimizers there are, by the name a user gives them.
public enum OptimizerKind: String, Sendable, CaseIterable, Codable {
  case adamW = "adamw"
  /// AdamW with moments of 8 bits.
  case adamW8bit = "adamw-8bit"

  /// Bytes remembered for each trained value.
  public var bytesPerValue: Double {
    switch self {
    case .adamW: 8
    // Two codes, and two scales of 4 bytes for each 256.
    case .adamW8bit: 2 + 8.0 / 256
    }
  }

  /// The least of ``OptimizerMemory`` that it can do with: bytes of one page of state.
  public var pageBytes: Int {
    switch self {
    case .adamW: StateMemory.pageBytes(AdamW.kinds)
    case .adamW8bit: StateMemory.pageBytes(AdamW8bit.kinds)
    }
  }

  /// - Parameter memory: nil keeps all of the state in memory
  /// - Throws: ``OptimizerMemoryError``
  @Compute
  public func make(
    _ parameters: [Parameter], weightDecay: Double, memory: OptimizerMemory? = nil
  ) throws -> any Optimizer {
    let options = AdamW.Options(weightDecay: weightDecay)
    return switch self {
    case .adamW: try AdamW(parameters, options: options, memory: memory)
    case .adamW8bit: try AdamW8bit(parameters, options: options, memory: memory)
    }
  }
}
