import Foundation
import NIOSSL
import Synchronization

/// A certificate chain and its key in PEM files.
public struct TLSFiles: Sendable, Equatable {
  public var certificate: String
  public var key: String

  public init(certificate: String, key: String) {
    self.certificate = certificate
    self.key = key
  }

  /// TLS 1.2 or newer with these.
  /// - Throws: ``TLSFilesError``, also when key and certificate are not of each other
  func configuration() throws -> TLSConfiguration {
    let chain: [NIOSSLCertificate]
    let privateKey: NIOSSLPrivateKey
    do { chain = try NIOSSLCertificate.fromPEMFile(certificate) } catch {
      throw TLSFilesError.unusable(file: certificate, what: "certificate")
    }
    guard !chain.isEmpty else { throw TLSFilesError.unusable(file: certificate, what: "certificate") }
    do { privateKey = try NIOSSLPrivateKey(file: key, format: .pem) } catch {
      throw TLSFilesError.unusable(file: key, what: "private key")
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
    configuration.minimumTLSVersion = .tlsv12
    do { _ = try NIOSSLContext(configuration: configuration) } catch {
      throw TLSFilesError.strangers(certificate: certificate, key: key)
    }
    return configuration
  }
}

/// The certificate and key that new connections are answered with; new files take the place of the old ones both at once.
final class StandingCertificate: Sendable {
  private let state: Mutex<NIOSSLContextConfigurationOverride>
  private let files: TLSFiles

  /// - Throws: ``TLSFilesError``
  init(_ files: TLSFiles) throws {
    self.files = files
    state = Mutex(try Self.read(files))
  }

  /// Reads the files again; where they cannot be used what was read before stays.
  /// - Throws: ``TLSFilesError``
  func reload() throws {
    let new = try Self.read(files)
    state.withLock { $0 = new }
  }

  /// What a server begins with, which asks for the files of the time at each connection.
  /// - Throws: ``TLSFilesError``
  func configuration() throws -> TLSConfiguration {
    var configuration = try files.configuration()
    configuration.sslContextCallback = { [self] _, promise in promise.succeed(state.withLock { $0 }) }
    return configuration
  }

  private static func read(_ files: TLSFiles) throws -> NIOSSLContextConfigurationOverride {
    let configuration = try files.configuration()
    var override = NIOSSLContextConfigurationOverride()
    override.certificateChain = configuration.certificateChain
    override.privateKey = configuration.privateKey
    return override
  }
}

public enum TLSFilesError: Error, Equatable, CustomStringConvertible {
  case unusable(file: String, what: String)
  case strangers(certificate: String, key: String)

  public var description: String {
    switch self {
    case .unusable(let file, let what):
      "\(file): no \(what) in PEM can be read from it; check the path and the format"
    case .strangers(let certificate, let key):
      "\(key) is not the key of \(certificate); give the two that were made together"
    }
  }
}
