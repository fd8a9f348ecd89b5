import Foundation

/// An answer that asks to come again, and when.
struct HubRefusal: Error {
  let error: HubError
  /// In seconds, as the server asks; nil if it does not say.
  let pause: Double?
}

/// Attempts at the same thing: which failures end it, and how long to wait between them.
struct HubRetries {
  private let patience: HubPatience
  private var failures = 0

  init(_ patience: HubPatience) { self.patience = patience }

  /// Waits before the next attempt.
  /// - Parameter isProgress: the failed attempt brought something, so counting begins anew
  /// - Throws: `error`, if another attempt would not help or there were enough; `CancellationError`
  mutating func pause(after error: any Error, isProgress: Bool = false) async throws {
    try Task.checkCancellation()
    let refusal = error as? HubRefusal
    let cause = refusal?.error ?? error
    guard let hubError = cause as? HubError, hubError.isTransient else { throw cause }
    failures = isProgress ? 1 : failures + 1
    guard failures < patience.attempts else { throw cause }
    let own = patience.firstPause * pow(2, Double(failures - 1)) * Double.random(in: 0.8...1.2)
    let pause = max(own, refusal?.pause ?? 0)
    guard pause <= patience.longestPause else { throw cause }
    try await Task.sleep(for: .seconds(pause))
  }

  /// Does `body` until it goes well.
  static func run<Result>(_ patience: HubPatience, _ body: () async throws -> Result) async throws -> Result {
    var retries = HubRetries(patience)
    while true {
      do { return try await body() } catch { try await retries.pause(after: error) }
    }
  }
}
