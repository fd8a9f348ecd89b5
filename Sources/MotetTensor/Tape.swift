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
  /// Asks models to run each layer through ``checkpointed(_:_:)``.
  public var checkpointsLayers = false
  /// Whether operators may be run as one where there is such a one: see ``StoredLayers``.
  public var joinsOperators = true
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

  /// Runs operators without keeping what their backward passes need: those run forward again, from `x`, when the
  /// backward pass comes to them (Chen et al. 2016, arXiv 1604.06174).
  /// - Parameters:
  ///   - x: kept as it is
  ///   - body: operators on the tape it is given, the same both times
  public func checkpointed(
    _ x: Tensor, _ body: @escaping @Compute (_ x: Tensor, _ tape: Tape) throws -> Tensor
  ) throws -> Tensor {
    guard isRecording else { return try body(x, self) }
    let silent = Tape(recording: false, storage: storage, kernels: kernels)
    silent.profile = profile
    silent.inputObserver = inputObserver
    let y = try body(x, silent).withPlaceForGradient
    guard let dy = y.gradient else { return y }
    let dx = x.gradient
    let kept = x.withoutGradient
    record { [storage, kernels, profile] in
      guard let dy = dy.take() else { return }
      let again = Tape(recording: true, storage: storage, kernels: kernels)
      again.profile = profile
      let input = dx == nil ? kept : kept.withPlaceForGradient
      let output = try body(input, again)
      output.gradient?.accumulate(dy)
      try again.backward()
      if let gradient = input.gradient?.take() { dx?.accumulate(gradient) }
    }
    return y
  }

  /// Goes back through everything recorded, last first, and forgets it.
  public func backward() throws {
    while let step = steps.popLast() { try step() }
  }
}
