import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// Reads the file of keys and the certificate again at each SIGHUP. A file that cannot be used leaves what was read before
/// in place, and is complained of in the log. Connections and answers under way go on.
struct ReloadService: Service {
  let keys: StandingKeys?
  let keyFile: String?
  let certificate: StandingCertificate?
  let logger: Logger
  let hangups: Hangups

  func run() async {
    await cancelWhenGracefulShutdown {
      for await _ in hangups.signals { reload() }
    }
  }

  func reload() {
    reloadKeys()
    if let certificate {
      do {
        try certificate.reload()
        logger.notice("read the certificate again")
      } catch { logger.error("the old certificate stays", metadata: ["error": "\(error)"]) }
    }
    if keyFile == nil, certificate == nil {
      logger.notice("SIGHUP: there is no file of keys and no certificate to read again")
    }
  }

  private func reloadKeys() {
    guard let keys, let keyFile else { return }
    do {
      let (new, gone) = keys.replace(with: try KeyFile.read(keyFile))
      logger.notice(
        "read the keys again",
        metadata: [
          "changed": "\(new.joined(separator: ","))", "removed": "\(gone.joined(separator: ","))",
        ])
    } catch { logger.error("the old keys stay", metadata: ["error": "\(error)"]) }
  }
}

/// SIGHUP as it comes, from when this is made; it ends the process no more.
final class Hangups: Sendable {
  let signals: AsyncStream<Void>
  private let source = Mutex<(any DispatchSourceSignal)?>(nil)

  init() {
    let (signals, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.signals = signals
    signal(SIGHUP, SIG_IGN)
    source.withLock { source in
      let made = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
      made.setEventHandler { continuation.yield() }
      made.resume()
      source = made
    }
  }

  deinit { source.withLock { $0?.cancel() } }
}
