import Foundation
import MotetModels
import NIOHTTP1
import Testing

@testable import MotetHub

/// What the hub, or what stands in its place, refuses.
struct HubRefusalTests {
  private func failure(
    token: String? = nil, at route: String = "/api/models/org/tiny/revision",
    _ reply: @escaping @Sendable (FakeHub.Request) -> FakeHub.Reply
  ) async throws -> HubError? {
    try await PullBench.with { bench in
      bench.hub.change { $0.routes[route] = reply }
      var bench = bench
      bench.token = token
      let failure = await bench.failure()
      if let failure {
        #expect(!"\(failure)".contains { $0.isNewline })
        #expect(!"\(failure)".contains(token ?? "hf_"))
      }
      return failure
    }
  }

  @Test func saysWhatAStatusMeans() async throws {
    let cases: [(HTTPResponseStatus, String, String?, HubError)] = [
      (.unauthorized, "RepoNotFound", nil, .unauthorized(repository: "org/tiny", hasToken: false)),
      (.unauthorized, "", "hf_bad", .unauthorized(repository: "org/tiny", hasToken: true)),
      (.notFound, "RepoNotFound", "hf_x", .noRepository("org/tiny", hasToken: true)),
      (.notFound, "RevisionNotFound", nil, .noRevision("main", repository: "org/tiny")),
      (.forbidden, "", "hf_x", .forbidden(repository: "org/tiny", reason: "")),
    ]
    for (status, code, token, expected) in cases {
      let found = try await failure(token: token) { _ in
        FakeHub.Reply(status: status, headers: ["X-Error-Code": code])
      }
      #expect(found == expected)
    }
  }

  @Test func namesThePageWhereTermsAreAccepted() async throws {
    for status in [HTTPResponseStatus.unauthorized, .forbidden] {
      let found = try await failure(at: "/org/tiny/resolve") { _ in
        FakeHub.Reply(status: status, headers: ["X-Error-Code": "GatedRepo"])
      }
      guard case .gated("org/tiny", let page, false)? = found else {
        return #expect(Bool(false), "\(found as Any)")
      }
      #expect(page.hasSuffix("/org/tiny"))
    }
  }

  @Test func namesAFileThatIsListedAndNotThere() async throws {
    let found = try await failure(at: "/org/tiny/resolve") { _ in
      FakeHub.Reply(status: .notFound, headers: ["X-Error-Code": "EntryNotFound"])
    }
    guard case .noEntry(let path, "org/tiny")? = found else { return #expect(Bool(false), "\(found as Any)") }
    #expect(path.hasSuffix("json"))
  }

  @Test(arguments: [
    "<!doctype html><title>log in</title>", "{\"sha\": ", "[]", "{\"sha\": 7}", "{}", "",
    "{\"sha\": \"../../x\"}", "{\"sha\": \"abc\"} x",
  ])
  func refusesAnAnswerThatIsNoHubs(_ text: String) async throws {
    let found = try await failure { _ in FakeHub.Reply(body: Array(text.utf8)) }
    guard case .notJSON? = found else { return #expect(Bool(false), "\(found as Any)") }
  }

  @Test(arguments: [
    "[{\"type\": \"file\", \"path\": \"../x\", \"size\": 1}]",
    "[{\"type\": \"file\", \"path\": \"/x\", \"size\": 1}]",
    "[{\"type\": \"file\", \"path\": \"a\\\\b\", \"size\": 1}]",
    "[{\"type\": \"file\", \"path\": \"a\\u0000b\", \"size\": 1}]",
    "[{\"type\": \"file\", \"path\": \"a\", \"size\": -1}]",
    "[{\"type\": \"file\", \"path\": \"a\", \"size\": 1e99}]",
    "[{\"type\": \"file\", \"path\": \"a\"}]", "[{}]", "[7]",
    "[{\"type\": \"file\", \"path\": \"a\", \"size\": 1}, {\"type\": \"file\", \"path\": \"a\", \"size\": 1}]",
  ])
  func refusesAHostileListing(_ text: String) async throws {
    let found = try await failure(at: "/api/models/org/tiny/tree") { _ in
      FakeHub.Reply(body: Array(text.utf8))
    }
    guard case .badListing("org/tiny", _)? = found else { return #expect(Bool(false), "\(found as Any)") }
  }

  @Test func refusesAListingWithoutEnd() async throws {
    let same = try await failure(at: "/api/models/org/tiny/tree") { request in
      FakeHub.Reply(
        headers: ["Link": "<\(request.path)?cursor=x>; rel=\"next\""],
        body: Array("[{\"type\": \"directory\", \"path\": \"a\"}]".utf8))
    }
    guard case .badListing? = same else { return #expect(Bool(false), "\(same as Any)") }
    let entry = "{\"type\":\"file\",\"path\":\"%\",\"size\":1}"
    let many = (0..<100_001).map { entry.replacing("%", with: "\($0)") }.joined(separator: ",")
    let page = Array("[\(many)]".utf8)
    let large = try await failure(at: "/api/models/org/tiny/tree") { _ in FakeHub.Reply(body: page) }
    guard case .badListing? = large else { return #expect(Bool(false), "\(large as Any)") }
    let long = try await failure(at: "/api/models/org/tiny/tree") { _ in
      FakeHub.Reply(body: [UInt8](repeating: 0x20, count: HubListing.maximumPage + 1))
    }
    guard case .tooLong? = long else { return #expect(Bool(false), "\(long as Any)") }
  }

  @Test func refusesRedirectsThatLeadNowhere() async throws {
    for location in ["file:///etc/passwd", "ftp://x/y", "http://", "/api/models/org/tiny/revision/main"] {
      let found = try await failure { _ in
        FakeHub.Reply(status: .found, headers: ["Location": location])
      }
      guard case .badRedirect? = found else { return #expect(Bool(false), "\(location): \(found as Any)") }
    }
  }

  @Test func saysWhenThereIsNoNetwork() async throws {
    try await PullBench.with { bench in
      func failure(_ endpoint: String, _ change: (inout HubSettings) -> Void = { _ in }) async throws
        -> HubError?
      {
        do {
          try await bench.pull {
            $0.endpoint = URL(string: endpoint)!
            change(&$0)
          }
          return nil
        } catch { return error as? HubError }
      }
      // A port that was free a moment ago.
      let port = try await FakeHub.with { $0.port }
      let refused = try await failure("http://127.0.0.1:\(port)")
      guard case .noConnection? = refused else { return #expect(Bool(false), "\(refused as Any)") }
      #expect(try await failure("http://no-such-host.invalid") == .unknownHost("no-such-host.invalid"))
      let proxied = try await failure("http://hub.invalid") {
        $0.proxies.http = ProxySettings.Proxy(host: "127.0.0.1", port: port)
      }
      guard case .proxy? = proxied else { return #expect(Bool(false), "\(proxied as Any)") }
      // One that is there and does not connect to anybody.
      let refusing = try await failure("https://hub.invalid") {
        $0.proxies.https = ProxySettings.Proxy(host: "127.0.0.1", port: bench.hub.port)
      }
      guard case .proxy? = refusing else { return #expect(Bool(false), "\(refusing as Any)") }
      let plain = try await failure("https://127.0.0.1:\(bench.hub.port)")
      guard case .insecure? = plain else { return #expect(Bool(false), "\(plain as Any)") }
    }
  }

  @Test func readsHowLongToWait() {
    func pause(_ headers: HTTPHeaders) -> Double? {
      HubTransport.pause(headers, now: Date(timeIntervalSince1970: 1_445_412_420))
    }
    #expect(pause(["Retry-After": "7"]) == 7)
    #expect(pause(["Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"]) == 60)
    #expect(pause(["Retry-After": "soon"]) == nil)
    #expect(pause(["Retry-After": "-1"]) == nil)
    #expect(pause(["RateLimit": "\"api\";r=0;t=55"]) == 55)
    #expect(pause(["RateLimit": "\"api\";r=3;t=55"]) == nil)
    #expect(pause([:]) == nil)
  }
}
