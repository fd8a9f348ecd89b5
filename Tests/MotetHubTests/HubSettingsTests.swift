import Foundation
import MotetModels
import Testing

@testable import MotetHub

struct HubSettingsTests {
  @Test func takesWhatTheEnvironmentSays() throws {
    let settings = try HubSettings(environment: [
      "HF_ENDPOINT": "http://127.0.0.1:8000/", "HF_TOKEN": " hf_secret\n", "HF_HUB_CACHE": "/cache",
      "HF_HUB_OFFLINE": "1",
    ])
    #expect(settings.endpoint.absoluteString == "http://127.0.0.1:8000")
    #expect(settings.token == "hf_secret")
    #expect(settings.cache.root.path == "/cache")
    #expect(settings.isOffline)
    let plain = try HubSettings(environment: ["HF_HOME": "/nowhere"])
    #expect(plain.endpoint.absoluteString == "https://huggingface.co")
    #expect(plain.cache.root.path == "/nowhere/hub")
    #expect(plain.token == nil)
    #expect(!plain.isOffline)
  }

  @Test func readsTheTokenOfAFile() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "motet-token-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data("hf_home\n".utf8).write(to: folder.appending(path: "token"))
    try Data("hf_other".utf8).write(to: folder.appending(path: "other"))
    #expect(try HubSettings(environment: ["HF_HOME": folder.path]).token == "hf_home")
    let other = ["HF_HOME": folder.path, "HF_TOKEN_PATH": folder.appending(path: "other").path]
    #expect(try HubSettings(environment: other).token == "hf_other")
    #expect(try HubSettings(environment: other.merging(["HF_TOKEN": "hf_x"]) { $1 }).token == "hf_x")
  }

  @Test(arguments: [
    "huggingface.co", "ftp://huggingface.co", "https://", "http://a b", "https://x?y=1", "::",
  ])
  func refusesAnEndpointThatIsNoAddress(_ text: String) {
    #expect(throws: HubError.badEndpoint(text)) { try HubSettings(environment: ["HF_ENDPOINT": text]) }
  }

  @Test func refusesATokenThatWouldBeTwoHeaders() {
    #expect(throws: HubError.badToken(source: "HF_TOKEN")) {
      try HubSettings(environment: ["HF_TOKEN": "hf_x\r\nX-Other: y"])
    }
  }

  @Test func choosesProxiesByTheAddress() throws {
    let proxies = try ProxySettings([
      "https_proxy": "http://name:secret@proxy:3128", "NO_PROXY": "example.org, .internal",
    ])
    func proxy(_ text: String) -> String? { URL(string: text).flatMap { proxies.proxy(for: $0)?.name } }
    #expect(proxy("https://huggingface.co/x") == "proxy:3128")
    #expect(proxy("http://huggingface.co/x") == nil)
    #expect(proxy("https://example.org") == nil)
    #expect(proxy("https://a.example.org") == nil)
    #expect(proxy("https://notexample.org") == "proxy:3128")
    #expect(proxy("https://hub.internal") == nil)
    #expect(proxies.https?.password == "secret")
    #expect(throws: HubError.badProxy("…@proxy:1")) {
      try ProxySettings(["HTTPS_PROXY": "socks5://name:secret@proxy:1"])
    }
  }
}
