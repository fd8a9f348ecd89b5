import Foundation
import Logging
import MotetServing
import ServiceLifecycle

/// Stands beside the server in its group and is shut down first: the engine takes no new work while the server still
/// answers, so that those who ask get 503 and those who wait get their answer.
struct DrainService: Service {
  let service: any AnswerService
  let seconds: Double
  let logger: Logger

  func run() async throws {
    try await gracefulShutdown()
    let status = await service.status()
    logger.notice("draining", metadata: ["running": "\(status.running)", "waiting": "\(status.waiting)"])
    SecondSignal.ends()
    let (service, logger) = (service, logger)
    do {
      try await within(seconds: seconds, else: DrainTookTooLong()) { await service.drain() }
    } catch is DrainTookTooLong {
      logger.warning("answers were cut: they did not end in time", metadata: ["seconds": "\(seconds)"])
      exit(1)
    }
  }

  private struct DrainTookTooLong: Error {}
}

/// Lets the next signal end the process: service-lifecycle has taken the handlers and waits.
private enum SecondSignal {
  static func ends() {
    for number in [SIGTERM, SIGINT] {
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { _exit(128 + number) }
      source.resume()
      // Kept for as long as the process lives, which is not long now.
      withExtendedLifetime(source) { _ = Unmanaged.passRetained(source as AnyObject) }
    }
  }
}
