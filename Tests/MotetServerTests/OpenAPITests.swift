import MotetFormats
import Testing

@testable import MotetServer

@Suite struct OpenAPITests {
  @Test func everyRouteIsDescribed() async throws {
    let harness = try Harness()
    let reply = try await harness.get("/openapi.json")
    #expect(reply.headers[.contentType] == "application/json")
    #expect(reply["openapi"] == "3.1.0")
    guard case .object(let paths) = reply["paths"] else {
      Issue.record("no paths")
      return
    }
    for path in [
      "/", "/health", "/ready", "/metrics", "/openapi.json", "/v1/models", "/v1/models/{id}",
      "/v1/chat/completions",
      "/v1/completions", "/v1/embeddings", "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/adapters",
      "/adapters/{name}", "/adapters/{name}/pin", "/route", "/tokenize", "/detokenize", "/feedback",
      "/lora-adapters",
      "/completion", "/generate", "/generate_stream",
    ] { #expect(paths[path] != nil, "\(path)") }
  }

  @Test func whatMustNotStandTogetherIsSaid() async throws {
    let reply = try await Harness().get("/openapi.json")
    func body(_ path: String) -> JSONValue {
      reply["paths", path, "post", "requestBody", "content", "application/json", "schema"]
    }
    for path in ["/v1/chat/completions", "/v1/completions"] {
      #expect(
        body(path).text().contains(
          #"{"properties":{"stream_options":{"type":"null"}},"required":[]},{"properties":{"stream":{"const":true}},"required":["stream"]}"#
        ))
    }
    #expect(
      body("/feedback").text().contains(
        #"{"properties":{"id":{"type":"string"},"model":{"type":"null"}},"required":["id"]}"#))
  }

  @Test func everyReferenceLeadsSomewhere() async throws {
    let reply = try await Harness().get("/openapi.json")
    let pieces = reply.text.components(separatedBy: "\"$ref\":\"#/components/schemas/").dropFirst()
    #expect(!pieces.isEmpty)
    for piece in pieces {
      let name = String(piece.prefix { $0 != "\"" })
      #expect(reply["components", "schemas", name] != .null, "\(name)")
    }
  }

  @Test func keysAreToldOfWhereTheyAreNeeded() async throws {
    let open = try await Harness().get("/openapi.json")
    #expect(open["paths", "/v1/models", "get", "responses", "401"] == .null)
    let closed = try await Harness(keys: [APIKey(name: "a", hash: APIKey.hash("a"))]).get("/openapi.json")
    #expect(closed["paths", "/v1/models", "get", "responses", "401"] != .null)
    #expect(closed["paths", "/adapters", "post", "responses", "403"] != .null)
    #expect(closed["paths", "/health", "get", "security"] == .null)
  }
}
