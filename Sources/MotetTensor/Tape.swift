import Foundation

/// Which loops run: the vectorised ones, or plain ones that say what is meant and that the others are tested
/// against. `MOTET_KERNELS=reference` chooses the plain ones for a whole process.
public enum Kernels: Sendable {
  case fast
  case reference

  public static let standard: Kernels =
    ProcessInfo.processInfo.environment["MOTET_KERNELS"] == "reference" ? .reference : .fast
}

/// Runs operators forward and remembers how to go back.
///
/// There is one forward path: a tape that does not record generates and scores, one that does trains. Operators
/// are coarse (RMSNorm, adapted linear, rotary attention, SwiGLU, head with cross-entropy); each lives in a file
/// with its formula, its forward and its backward. Nothing is recorded below the lowest tensor that wants a
/// gradient, so the backward pass ends there by itself.
///
///     let tape = Tape(recording: true)
///     let loss = try model.loss(batch, on: tape)
///     tape.backward()                              // gradients are in the adapters' parameters
@Compute
public final class Tape {
  public let isRecording: Bool
  public let storage: ActivationStorage
  public let kernels: Kernels
  /// Told the input `[tokens, inputs]` of every adapted linear before it is multiplied.
  public var inputObserver: ((_ matrix: FrozenMatrix, _ input: Tensor) -> Void)?
  /// Told how long each operator takes.
  public var profile: OperatorProfile?
  private var steps: [() throws -> Void] = []

  /// Operators that a backward pass would go through.
  public var recordedSteps: Int { steps.count }

  public init(recording: Bool, storage: ActivationStorage = .f32, kernels: Kernels = .standard) {
    isRecording = recording
    self.storage = storage
    self.kernels = kernels
  }

  /// Whether activations between operators are in bf16. The plain loops keep theirs in f32.
  var isNarrow: Bool { storage == .bf16 && kernels == .fast }

  /// Remembers the way back through an operator; `step` is dropped, with what it keeps alive, once it has run.
  func record(_ step: @escaping () throws -> Void) {
    steps.append(step)
  }

  /// Goes back through everything recorded, last first, and forgets it.
  public func backward() throws {
    while let step = steps.popLast() { try step() }
  }
}
