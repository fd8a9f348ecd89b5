import Foundation
import Logging
import MotetServing
import ServiceLifecycle
import Synchronization

/// Stands beside the server in its group and is shut down first: the engine takes no new work while the server still
/// answers, so that those who ask get 503 and those who wait get their answer.
struct DrainService: Service {
  let service: any AnswerService
  let seconds: Double
  let logger: Logger
  let second: SecondSignal

  /// - Throws: ``AnswerServerError/cutAnswers(seconds:)`` when the answers under way did not end in time
  func run() async throws {
    try await gracefulShutdown()
    second.arm()
    let status = await service.status()
    logger.notice("draining", metadata: ["running": "\(status.running)", "waiting": "\(status.waiting)"])
    let service = service
    try await within(seconds: seconds, else: AnswerServerError.cutAnswers(seconds: seconds)) {
      await service.drain()
    }
  }
}

/// Lets the next signal end the process at once: service-lifecycle has taken the first one and waits.
final class SecondSignal: Sendable {
  private let sources = Mutex<[any DispatchSourceSignal]>([])

  func arm() {
    sources.withLock { sources in
      for number in [SIGTERM, SIGINT] {
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { _exit(128 + number) }
        source.resume()
        sources.append(source)
      }
    }
  }
}
