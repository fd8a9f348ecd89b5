import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

@Suite struct DoRACostTests {
  private static let name = "smollm2-135m-instruct"

  /// The norms of all linear sites at rank 16 against the forward and backward pass of 512 tokens, a small step.
  @Test(.enabled(if: (try? ModelStore().find(name)) != nil))
  @Compute func theNormsAreSmallBesideAStep() async throws {
    let base = try await BaseModel.load(Self.name)
    let adapter = try DoRA(LoRA(rank: 16)).begin(on: base, seed: 1)
    let tokens = (0..<513).map { Int32(1000 + $0 * 7) }
    let labels = (0..<512).map { BaseModel.Label(position: $0, token: tokens[$0 + 1], scale: 1 / 512) }
    func seconds(_ body: () throws -> Void) rethrows -> Double {
      let began = ContinuousClock.now
      try body()
      return (ContinuousClock.now - began).inSeconds
    }
    var (norms, step) = (Double.infinity, Double.infinity)
    for _ in 0..<4 {
      step = min(
        step,
        try seconds {
          let tape = base.tape(recording: true)
          _ = try base.losses(
            [BatchRow(tokens: Array(tokens.dropLast()), mix: adapter.mix)], labels: labels, on: tape)
          try tape.backward()
          adapter.gatherGradients()
        })
      norms = min(norms, try seconds { try adapter.derive() })
    }
    print("DoRA's norms: \(norms) s beside \(step) s of a step of 512 tokens")
    #expect(norms < 0.15 * step)
  }
}
