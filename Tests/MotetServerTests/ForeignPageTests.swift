import Foundation
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import MotetServer

/// What a web page has a browser send to a server on the same machine.
@Suite struct ForeignPageTests {
  private static let chat = #"{"messages": [{"role": "user", "content": "Hi"}]}"#

  private func headers(_ pairs: [(String, String)]) throws -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in pairs { fields.append(HTTPField(name: try #require(.init(name)), value: value)) }
    return fields
  }

  /// The status of a request with these lines in its head, over a real connection.
  private func status(
    _ harness: Harness, _ lines: [String], _ request: String = "POST /v1/chat/completions HTTP/1.1"
  ) async throws -> String {
    let body = request.hasPrefix("GET") ? "" : Self.chat
    let head = [request] + lines + ["Content-Length: \(body.utf8.count)"]
    return try await harness.server.application().test(.live) { client in
      let text = try await exchange(
        try #require(client.port), head.joined(separator: "\r\n") + "\r\n\r\n" + body, leavingAfter: 0.25)
      return String(text.split(separator: " ").dropFirst().first ?? "")
    }
  }

  @Test(arguments: [
    ("localhost", true), ("LOCALHOST:8080", true), ("localhost.", true), ("127.0.0.1", true),
    ("127.9.9.9:1", true),
    ("[::1]", true), ("[::1]:8080", true), ("[0:0:0:0:0:0:0:1]", true), ("app.localhost:80", true),
    ("rebound.example", false), ("rebound.example:8080", false), ("localhost.example", false),
    ("127.0.0.1.example", false), ("192.168.1.5", false), ("0.0.0.0", false), ("[::]", false),
    ("127.1", false),
    ("2130706433", false), ("localhost:8080@evil.example", false), ("localhost, evil.example", false),
    ("[::1", false),
    ("", false), ("localhost:x", false), ("notlocalhost", false),
  ])
  func aNameThatIsNotTheServersIsRefused(host: String, isTaken: Bool) throws {
    #expect(try HostRule(host: "127.0.0.1", allowed: []).allows(host) == isTaken)
  }

  @Test func moreNamesAreAllowedByHand() throws {
    let rule = try HostRule(host: "127.0.0.1", allowed: ["Models.Example.org", "fd00::1"])
    #expect(rule.allows("models.example.org:8080") && rule.allows("[FD00:0::1]:80"))
    #expect(!rule.allows("example.org") && !rule.allows("[fd00::2]"))
    #expect(try HostRule(host: "127.0.0.1", allowed: ["*"]).allows("anything.example"))
    let own = try HostRule(host: "10.1.2.3", allowed: [])
    #expect(own.allows("10.1.2.3:9") && !own.allows("10.1.2.4"))
    let everywhere = try HostRule(host: "0.0.0.0", allowed: [])
    #expect(
      everywhere.allows("192.168.1.5:8080") && everywhere.allows("[fe80::1]")
        && !everywhere.allows("a.example"))
    for wrong in ["a b", "http://a", "a:80", ""] {
      #expect(throws: AnswerServerError.notAHost(wrong)) { try HostRule(host: "::1", allowed: [wrong]) }
    }
  }

  @Test func aReboundNameIsRefusedOverTheWire() async throws {
    let harness = try Harness()
    let json = "Content-Type: application/json"
    #expect(try await status(harness, ["Host: localhost", json]) == "200")
    #expect(try await status(harness, ["Host: rebound.example", json]) == "403")
    #expect(try await status(harness, ["Host: localhost", "Host: rebound.example", json]) != "200")
    #expect(try await status(harness, [json], "POST /v1/chat/completions HTTP/1.0") == "200")
    #expect(try await status(harness, ["Host: rebound.example"], "GET /v1/models HTTP/1.1") == "403")
    let keys = try Harness(keys: [APIKey(name: "a", hash: APIKey.hash("k"))])
    let key = "Authorization: Bearer k"
    #expect(try await status(keys, ["Host: models.example", json, key]) == "200")
  }

  @Test(arguments: [
    ("https://evil.example", 403), ("null", 403), ("http://localhost:3000", 403), ("http://localhost", 200),
    ("http://localhost:80", 200), ("https://localhost", 200), ("http://localhost.evil.example", 403),
    ("", 403),
    ("file://", 403), ("http://localhost http://evil.example", 403), ("http://127.0.0.1", 403),
  ])
  func aPageOfAnotherSiteIsRefused(origin: String, status: Int) async throws {
    let harness = try Harness()
    for (method, path, body) in [
      (HTTPRequest.Method.post, "/v1/chat/completions", Self.chat as String?), (.get, "/v1/models", nil),
      (.post, "/lora-adapters", "[]"), (.get, "/health", nil),
    ] {
      let reply = try await harness.send(method, path, body, headers: [.origin: origin])
      #expect(reply.status == status, "\(method) \(path): \(reply.text)")
      if status == 403 { #expect(reply.code == "foreign_origin") }
      #expect(reply.headers[.accessControlAllowOrigin] == nil)
    }
    #expect(harness.service.requests.count == (status == 200 ? 1 : 0))
  }

  @Test(arguments: [
    ("cross-site", "no-cors", HTTPRequest.Method.get, 403), ("same-site", "no-cors", .get, 403),
    ("cross-site", "navigate", .get, 200), ("cross-site", "navigate", .post, 403),
    ("same-origin", "cors", .get, 200), ("none", "navigate", .get, 200),
  ])
  func whatAnImageOrAFormSendsIsRefused(
    site: String, mode: String, method: HTTPRequest.Method, status: Int
  ) async throws {
    let reply = try await Harness().send(
      method, method == .get ? "/v1/models" : "/v1/chat/completions", method == .get ? nil : Self.chat,
      headers: try headers([("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode)]))
    #expect(reply.status == status, "\(reply.text)")
  }

  @Test(
    arguments: [
      (nil, 415), ("text/plain", 415), ("application/x-www-form-urlencoded", 415),
      ("multipart/form-data; boundary=a", 415),
      ("text/plain; charset=application/json", 415), ("application/json", 200),
      ("Application/JSON; charset=utf-8", 200),
      ("application/vnd.api+json", 200),
    ] as [(String?, Int)])
  func aBodyHasToSayThatItIsJSON(type: String?, status: Int) async throws {
    let open = try Harness()
    let fields: HTTPFields = type.map { [.contentType: $0] } ?? [:]
    let reply = try await open.server.send(
      .post, "/v1/chat/completions", bytes: Array(Self.chat.utf8), headers: fields, isTyped: false)
    #expect(reply.status == status)
    if status == 415 { #expect(reply.message.contains("curl: -H 'Content-Type: application/json'")) }
    // A key is nothing that a page has: without a type a body is JSON there.
    let closed = try Harness(keys: [APIKey(name: "a", hash: APIKey.hash("k"))])
    let other = try await closed.server.send(
      .post, "/v1/chat/completions", bytes: Array(Self.chat.utf8), headers: fields, key: "k", isTyped: false)
    #expect(other.status == (type == nil ? 200 : status))
  }

  @Test func anAllowedSiteIsAnsweredAndItsBrowserToldSo() async throws {
    let harness = try Harness { $0.allowedOrigins = ["https://App.example", "http://localhost:3000"] }
    for (origin, isTaken) in [
      ("https://app.example", true), ("https://app.example:443", true), ("http://localhost:3000", true),
      ("http://app.example", false), ("https://app.example:444", false),
      ("https://app.example.evil.org", false),
      ("http://localhost:3001", false), ("null", false),
    ] {
      let reply = try await harness.send(.post, "/v1/chat/completions", Self.chat, headers: [.origin: origin])
      #expect(reply.status == (isTaken ? 200 : 403), "\(origin)")
      #expect(reply.headers[.accessControlAllowOrigin] == (isTaken ? origin : nil))
      #expect(reply.headers[.vary] == "Origin")
      #expect(reply.headers[.accessControlAllowCredentials] == nil)
    }
    #expect(try await harness.get("/v1/models").headers[.vary] == "Origin")
  }

  @Test func aPreflightIsAnsweredWithWhatTheAddressTakes() async throws {
    for keys in [nil, [APIKey(name: "a", hash: APIKey.hash("k"))]] {
      let harness = try Harness(keys: keys) { $0.allowedOrigins = ["https://app.example"] }
      let asked = try headers([
        ("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type,x-stainless-os"),
        ("Access-Control-Request-Private-Network", "true"),
      ])
      let reply = try await harness.send(.options, "/v1/chat/completions", headers: asked)
      #expect(reply.status == 204)
      #expect(reply.text == "")
      #expect(reply.headers[.accessControlAllowOrigin] == "https://app.example")
      #expect(reply.headers[.accessControlAllowMethods] == "POST")
      #expect(reply.headers[.accessControlAllowHeaders] == "authorization,content-type,x-stainless-os")
      #expect(reply.headers[.accessControlAllowCredentials] == nil)
      #expect(reply.headers[.vary] == "Origin")
      #expect(reply.headers[.allowedPrivateNetwork] == "true")
      let other = try await harness.send(
        .options, "/v1/chat/completions",
        headers: try headers([("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")]))
      #expect(other.status == (keys == nil ? 403 : 405))
      #expect(other.headers[.accessControlAllowOrigin] == nil)
    }
    // Where nothing is allowed there is nothing to ask for.
    let closed = try await Harness().send(
      .options, "/adapters",
      headers: try headers([("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST")]))
    #expect(closed.status == 403)
  }

  @Test func allSitesMayBeAllowed() async throws {
    let harness = try Harness(keys: [APIKey(name: "a", hash: APIKey.hash("k"))]) { $0.allowedOrigins = ["*"] }
    let reply = try await harness.send(
      .post, "/v1/chat/completions", Self.chat, headers: [.origin: "null"], key: "k")
    #expect(reply.status == 200)
    #expect(reply.headers[.accessControlAllowOrigin] == "*" && reply.headers[.vary] == nil)
    // An error is for the page to read, too.
    let unknown = try await harness.send(.get, "/v1/models", headers: [.origin: "https://a.example"])
    #expect(unknown.status == 401 && unknown.headers[.accessControlAllowOrigin] == "*")
    let open = try Harness { $0.allowedOrigins = ["*"] }
    let site = try headers([("Origin", "https://a.example"), ("Sec-Fetch-Site", "cross-site")])
    #expect(try await open.send(.post, "/v1/chat/completions", Self.chat, headers: site).status == 200)
  }

  @Test(arguments: ["example.org", "https://", "https://a.example/path", "//a.example", ""])
  func whatIsNotASiteIsRefusedAtTheStart(text: String) {
    #expect(throws: AnswerServerError.notAnOrigin(text)) { try Harness { $0.allowedOrigins = [text] } }
  }
}
