import HTTPTypes
import MotetFormats
import Testing

@testable import MotetServer

@Suite struct KeysTests {
  private let harness: Harness

  init() throws {
    harness = try Harness(keys: [
      APIKey(name: "acme", hash: APIKey.hash("key-acme"), adapters: ["acme", "co*"]),
      APIKey(name: "globex", hash: APIKey.hash("key-globex"), adapters: ["math"], requestsPerMinute: 3),
      APIKey(name: "root", hash: APIKey.hash("key-root"), isAdmin: true),
      APIKey(name: "tenant-admin", hash: APIKey.hash("key-tenant"), adapters: ["math"], isAdmin: true),
    ])
  }

  @Test func withoutAKeyOnlyTheOpenRoutesAnswer() async throws {
    for path in ["/", "/health", "/ready", "/openapi.json"] {
      #expect(try await harness.get(path).status == 200)
    }
    for path in ["/v1/models", "/adapters", "/metrics", "/lora-adapters"] {
      let reply = try await harness.get(path)
      #expect(reply.status == 401)
      #expect(reply.code == "missing_api_key")
      #expect(reply.headers[.wwwAuthenticate] == "Bearer")
    }
    #expect(try await harness.chat().status == 401)
  }

  @Test(arguments: ["wrong", "key-acm", "key-acmee", "", " "])
  func anUnknownKeyIsRefused(key: String) async throws {
    #expect(try await harness.chat(key: key).status == 401)
  }

  @Test func aKeyIsTakenFromEitherHeader() async throws {
    #expect(try await harness.get("/v1/models", key: "key-acme").status == 200)
    let other = try #require(HTTPField.Name("X-Api-Key"))
    #expect(try await harness.send(.get, "/v1/models", headers: [other: "key-acme"]).status == 200)
    #expect(
      try await harness.send(.get, "/v1/models", headers: [.authorization: "Basic key-acme"]).status == 401)
  }

  @Test func aTenantSeesOnlyItsOwnAdapters() async throws {
    let models = try await harness.get("/v1/models", key: "key-acme").text
    #expect(models.contains("acme") && models.contains("code") && !models.contains("math"))
    let adapters = try await harness.get("/adapters", key: "key-acme").text
    #expect(adapters.contains("code") && !adapters.contains("math"))
    let numbered = try await harness.get("/lora-adapters", key: "key-globex").text
    #expect(numbered.contains("math") && !numbered.contains("acme"))
  }

  @Test func anothersAdapterLooksLikeOneThatIsNotThere() async throws {
    for model in ["math", "math@2", "code=0.5+math=0.5"] {
      let forbidden = try await harness.chat(#""model": "\#(model)""#, key: "key-acme")
      #expect(forbidden.status == 404)
    }
    let forbidden = try await harness.chat(#""model": "math""#, key: "key-acme")
    let absent = try await harness.chat(#""model": "zath""#, key: "key-acme")
    #expect(forbidden.text.replacing("math", with: "zath") == absent.text)
    #expect(try await harness.get("/v1/models/math", key: "key-acme").status == 404)
    #expect(try await harness.chat(#""model": "math@2""#, key: "key-globex").status == 200)
    #expect(try await harness.chat(#""model": "code""#, key: "key-acme").status == 200)
    #expect(try await harness.chat(key: "key-acme").status == 200)
  }

  @Test func nearNamesAreOnesOwn() async throws {
    // The engine would have told of acme.
    let reply = try await harness.chat(#""model": "acm""#, key: "key-globex")
    #expect(reply.status == 404)
    #expect(!reply.message.contains("acme"))
    #expect(try await harness.chat(#""model": "acm""#, key: "key-acme").message.contains("acme"))
  }

  @Test func theRouterLeavesOutWhatAKeyMayNotUse() async throws {
    let routed = try Harness(
      router: ScriptedRouter(), keys: [APIKey(name: "g", hash: APIKey.hash("k"), adapters: ["math"])])
    _ = try await routed.chat(#""model": "auto""#, key: "k")
    #expect(routed.service.requests.first?.mix.description == "math")
    let route = try await routed.post("/route", #"{"prompt": "x"}"#, key: "k")
    #expect(!route.text.contains("code"))
  }

  @Test func changesNeedAnAdminKey() async throws {
    let load = #"{"lora_name": "legal", "lora_path": "allowed/legal"}"#
    for (method, path, body) in [
      (HTTPRequest.Method.post, "/v1/load_lora_adapter", load),
      (.post, "/v1/unload_lora_adapter", #"{"lora_name": "math"}"#),
      (.post, "/adapters", #"{"name": "x", "path": "allowed/x"}"#), (.delete, "/adapters/math", nil),
      (.put, "/adapters/math/pin", nil), (.delete, "/adapters/math/pin", nil), (.get, "/metrics", nil),
      (.post, "/lora-adapters", "[]"),
    ] as [(HTTPRequest.Method, String, String?)] {
      let reply = try await harness.send(method, path, body, key: "key-acme")
      #expect(reply.status == 403)
      #expect(reply.code == "admin_only")
    }
    #expect(harness.service.state.withLock { $0.changes }.isEmpty)
    #expect(try await harness.post("/v1/load_lora_adapter", load, key: "key-root").status == 200)
    #expect(try await harness.get("/metrics", key: "key-root").status == 200)
  }

  @Test func anAdminOfATenantCannotEvictAnothersAdapter() async throws {
    #expect(try await harness.send(.delete, "/adapters/acme", key: "key-tenant").status == 404)
    #expect(try await harness.send(.put, "/adapters/acme/pin", key: "key-tenant").status == 404)
    #expect(
      try await harness.post("/adapters", #"{"name": "acme", "path": "allowed/x"}"#, key: "key-tenant").status
        == 404)
    #expect(try await harness.send(.put, "/adapters/math/pin", key: "key-tenant").status == 200)
    #expect(harness.service.state.withLock { $0.changes } == ["pin math"])
  }

  @Test func anAdminOfATenantReadsTheMetricsOfItsOwnAdapters() async throws {
    for model in ["math", "acme", "base"] {
      let body = #"{"model": "\#(model)", "score": 1}"#
      #expect(try await harness.post("/feedback", body, key: "key-root").status == 200)
    }
    let own = try await harness.get("/metrics", key: "key-tenant").text
    #expect(own.contains(#"motet_feedback_total{adapter="math",verdict="up"} 1"#))
    #expect(own.contains(#"motet_feedback_total{adapter="base",verdict="up"} 1"#))
    #expect(own.contains("motet_http_requests_total") && !own.contains("acme"))
    #expect(try await harness.get("/metrics", key: "key-root").text.contains("acme"))
  }

  @Test func scalesAreSetAndUsedWithinWhatAKeyMayUse() async throws {
    // Each sees its own list: 0 is math for the one, acme for the other.
    for (key, scale) in [("key-tenant", "2"), ("key-root", "0.5")] {
      let reply = try await harness.post("/lora-adapters", #"[{"id": 0, "scale": \#(scale)}]"#, key: key)
      #expect(reply.status == 200)
      if key == "key-root" { continue }
      #expect(try await harness.get("/lora-adapters", key: "key-root")["2", "scale"] == 2)
    }
    #expect(
      try await harness.post("/completion", #"{"prompt": "a"}"#, key: "key-acme").headers[.motetMix]
        == "acme@2=0.5")
    #expect(
      try await harness.post("/lora-adapters", #"[{"id": 0, "scale": 2}]"#, key: "key-tenant").status == 200)
    #expect(try await harness.get("/lora-adapters", key: "key-root")["0", "scale"].doubleValue == 0.5)
  }

  @Test func whatWasReadOfAPromptIsSharedWithinAKey() async throws {
    _ = try await harness.chat(key: "key-acme")
    _ = try await harness.chat(#""cache_salt": "x""#, key: "key-globex")
    #expect(harness.service.requests.map(\.cacheSalt) == [["acme"], ["globex", "x"]])
    let open = try Harness()
    _ = try await open.chat()
    _ = try await open.chat(#""cache_salt": "acme""#)
    #expect(open.service.requests.map(\.cacheSalt) == [[], ["acme"]])
    #expect(try await open.chat(#""cache_salt": """#).parameter == "cache_salt")
  }

  @Test func aKeyThatAsksTooOftenWaits() async throws {
    for _ in 0..<3 { #expect(try await harness.get("/v1/models", key: "key-globex").status == 200) }
    let reply = try await harness.get("/v1/models", key: "key-globex")
    #expect(reply.status == 429)
    #expect(try #require(reply.headers[.retryAfter].flatMap { Int($0) }) >= 1)
    #expect(try await harness.get("/v1/models", key: "key-root").status == 200)
  }

  @Test func feedbackIsForOnesOwnAnswers() async throws {
    let id = try #require(try await harness.chat(key: "key-acme")["id"].stringValue)
    #expect(
      try await harness.post("/feedback", #"{"id": "\#(id)", "score": 1}"#, key: "key-root").status == 404)
    #expect(
      try await harness.post("/feedback", #"{"id": "\#(id)", "score": 1}"#, key: "key-acme").status == 200)
  }

  @Test func noKeyStandsInTheLog() async throws {
    _ = try await harness.chat(key: "key-acme")
    _ = try await harness.chat(key: "wrong-secret")
    #expect(harness.log.all.contains { $0.contains(#""key":"acme""#) })
    #expect(!harness.log.all.contains { $0.contains("key-acme") || $0.contains("wrong-secret") })
  }
}
