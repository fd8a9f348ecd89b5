import Foundation
import Testing

@testable import MotetServer

@Suite struct TLSFilesTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/tls")

  private func files(_ certificate: String, _ key: String) -> TLSFiles {
    TLSFiles(
      certificate: Self.folder.appending(path: certificate).path, key: Self.folder.appending(path: key).path)
  }

  @Test func aCertificateAndItsKeyAreTaken() throws {
    let configuration = try files("a.crt", "a.key").configuration()
    #expect(configuration.minimumTLSVersion == .tlsv12)
    #expect(configuration.certificateChain.count == 1)
  }

  @Test(arguments: [
    ("none.crt", "a.key", "none.crt"), ("a.key", "a.key", "a.key"), ("a.crt", "none.key", "none.key"),
    ("a.crt", "a.crt", "a.crt"),
  ])
  func filesThatAreNoneAreNamed(certificate: String, key: String, named: String) {
    let error = #expect(throws: TLSFilesError.self) { try files(certificate, key).configuration() }
    #expect(error?.description.contains(named) == true)
  }

  @Test func anothersKeyIsRefused() {
    let error = #expect(throws: TLSFilesError.self) { try files("a.crt", "b.key").configuration() }
    #expect(error?.description.contains("is not the key of") == true)
  }

  @Test func aServerWithThemIsNotMade() {
    #expect(throws: TLSFilesError.self) { try Harness { $0.tls = files("none.crt", "none.key") } }
  }
}
