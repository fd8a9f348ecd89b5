import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

@testable import MotetServer

/// SIGHUP has the keys and the certificate read again.
@Suite(.serialized) struct ReloadTests {
  private func withFile(_ body: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-reload-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
  }

  private func line(_ name: String, _ key: String, _ rest: String = "") -> String {
    "\(name) sha256:\(APIKey.hexadecimal(APIKey.hash(key))) \(rest)\n"
  }

  @Test func newKeysTakeThePlaceOfOldOnesAndABadFileChangesNothing() async throws {
    try await withFile { folder in
      let file = folder.appending(path: "keys")
      try Data((line("acme", "one") + line("globex", "two")).utf8).write(to: file)
      let harness = try Harness(keys: KeyFile.read(file.path).keys) { $0.keyFile = file.path }
      #expect(try await harness.chat(key: "one").status == 200)
      let reload = harness.server.reloadService()
      for bad in ["", "acme", line("acme", "one") + line("acme", "other"), "acme sha256:12"] {
        try Data(bad.utf8).write(to: file)
        reload.reload()
        #expect(try await harness.chat(key: "one").status == 200)
        #expect(try await harness.chat(key: "two").status == 200)
      }
      try FileManager.default.removeItem(at: file)
      reload.reload()
      #expect(try await harness.chat(key: "one").status == 200)
      #expect(harness.log.all.filter { $0.contains("the old keys stay") }.count == 5)
      try Data((line("acme", "three") + line("globex", "two", "adapters=math")).utf8).write(to: file)
      reload.reload()
      #expect(try await harness.chat(key: "one").status == 401)
      #expect(try await harness.chat(key: "three").status == 200)
      #expect(try await harness.chat(#""model": "code""#, key: "two").status == 404)
      #expect(harness.log.all.contains { $0.contains(#""changed":"acme,globex""#) })
      #expect(!harness.log.all.contains { $0.contains("three") })
    }
  }

  /// The certificate that a server shows.
  private func shown(_ port: Int) async throws -> [UInt8] {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.certificateVerification = .none
    let context = try NIOSSLContext(configuration: configuration)
    let found = Mutex<[UInt8]>([])
    let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let handler = try NIOSSLClientHandler(
            context: context, serverHostname: nil,
            customVerificationCallback: { certificates, promise in
              found.withLock { $0 = (try? certificates.first?.toDERBytes()) ?? [] }
              promise.succeed(.certificateVerified)
            })
          try channel.pipeline.syncOperations.addHandler(handler)
        }
      }.connect(host: "localhost", port: port).get()
    for _ in 0..<100 where found.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(20)) }
    try? await channel.close()
    return found.withLock { $0 }
  }

  @Test func aNewCertificateIsShownToNewConnections() async throws {
    let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/tls")
    try await withFile { folder in
      @Sendable func put(_ certificate: String, _ key: String) throws {
        for (from, to) in [(certificate, "server.crt"), (key, "server.key")] {
          try Data(contentsOf: fixtures.appending(path: from)).write(to: folder.appending(path: to))
        }
      }
      @Sendable func bytes(_ name: String) throws -> [UInt8] {
        try NIOSSLCertificate.fromPEMFile(fixtures.appending(path: name).path)[0].toDERBytes()
      }
      try put("a.crt", "a.key")
      let harness = try Harness {
        $0.tls = TLSFiles(
          certificate: folder.appending(path: "server.crt").path,
          key: folder.appending(path: "server.key").path)
      }
      let reload = harness.server.reloadService()
      try await harness.server.application().test(.live) { client in
        let port = try #require(client.port)
        #expect(try await shown(port) == bytes("a.crt"))
        // A key that is not the certificate's.
        try put("a.crt", "b.key")
        reload.reload()
        #expect(try await shown(port) == bytes("a.crt"))
        #expect(harness.log.all.contains { $0.contains("the old certificate stays") })
        try put("b.crt", "b.key")
        reload.reload()
        #expect(try await shown(port) == bytes("b.crt"))
      }
    }
  }

  @Test func aHangupHasTheKeysReadAgainAndEndsNothing() async throws {
    try await withFile { folder in
      let file = folder.appending(path: "keys")
      try Data(line("acme", "one").utf8).write(to: file)
      let harness = try Harness(keys: KeyFile.read(file.path).keys) { $0.keyFile = file.path }
      let service = harness.server.reloadService()
      let running = Task { await service.run() }
      defer { running.cancel() }
      // Until the signal is heard the process would end by it: the service has a moment to begin.
      try await Task.sleep(for: .milliseconds(300))
      try Data(line("acme", "two").utf8).write(to: file)
      kill(getpid(), SIGHUP)
      for _ in 0..<100 where !harness.log.all.contains(where: { $0.contains("read the keys again") }) {
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(try await harness.chat(key: "one").status == 401)
      #expect(try await harness.chat(key: "two").status == 200)
    }
  }
}
