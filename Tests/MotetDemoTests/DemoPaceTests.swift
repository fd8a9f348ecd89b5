import Foundation
import MotetModels
import Testing

@testable import MotetDemo

/// How much of the demo fits into a given time.
@Suite struct DemoPaceTests {
  /// A machine with bf16 units, and one with AVX2 alone, as measured.
  private let fast = DemoPace(training: 1_300, answering: 1_200, rowTokens: 85, fixedTokens: 60_000)
  private let slow = DemoPace(training: 154, answering: 110, rowTokens: 85, fixedTokens: 60_000)

  @Test func aFastMachineTakesAllOfIt() {
    let options = DemoOptions()
    let fitted = fast.fitted(options, within: 16 * 60)
    #expect(fitted.rows == options.rows && fitted.heldOut == options.heldOut)
    #expect(fast.seconds(options) < 10 * 60)
  }

  @Test func aSlowMachineTakesFewerRowsAndStaysWithinItsTime() {
    let options = DemoOptions()
    #expect(slow.seconds(options) > 55 * 60)
    let fitted = slow.fitted(options, within: 16 * 60)
    #expect(slow.seconds(fitted) <= 16 * 60)
    #expect(fitted.rows >= DemoPace.leastRows && fitted.heldOut >= DemoPace.leastHeldOut)
    #expect(fitted.rows < options.rows && fitted.heldOut < options.heldOut)
    // More time, more rows.
    #expect(slow.fitted(options, within: 40 * 60).rows > fitted.rows)
  }

  @Test func whatDoesNotFitAtAllIsTheLeastThatSaysSomething() {
    let fitted = slow.fitted(DemoOptions(), within: 1)
    #expect(fitted.rows == DemoPace.leastRows && fitted.heldOut == DemoPace.leastHeldOut)
    // Never more than was asked for.
    let few = slow.fitted(DemoOptions(rows: 16, heldOut: 4), within: 1)
    #expect(few.rows == 16 && few.heldOut == 4)
  }

  @Test func theFirstStepDoesNotCount() {
    #expect(DemoPace.rate([(100, 5), (100, 6), (100, 7)]) == 100)
    #expect(DemoPace.rate([(100, 5)]) == 20)
    #expect(DemoPace.rate([]) > 0)
  }

  @Test(.enabled(if: (try? ModelStore().find("smollm2-135m-instruct")) != nil))
  func itIsMeasuredOnTheRealModel() async throws {
    let base = try await BaseModel.load("smollm2-135m-instruct")
    let before = await base.fingerprint()
    let pace = try await DemoPace.measure(on: base, DemoOptions())
    print("demo: \(Int(pace.training)) tokens/s to train on, \(Int(pace.answering)) to answer with")
    #expect(pace.training > 10 && pace.answering > 1)
    #expect((40...200).contains(pace.rowTokens) && pace.fixedTokens > 10_000)
    #expect(await base.fingerprint() == before)
  }
}
