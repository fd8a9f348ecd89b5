import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// Reads the file of keys and the certificate again at each SIGHUP. A file that cannot be used leaves what was read before
/// in place, and is complained of in the log. Connections and answers under way go on.
struct ReloadService: Service {
  let keys: StandingKeys?
  let keyFile: String?
  let certificate: StandingCertificate?
  let logger: Logger

  /// From here on SIGHUP does not end the process any more.
  func run() async {
    let hangups = await UnixSignalsSequence(trapping: .sighup)
    await cancelWhenGracefulShutdown {
      for await _ in hangups { reload() }
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
