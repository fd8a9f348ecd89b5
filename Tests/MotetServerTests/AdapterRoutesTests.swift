import MotetFormats
import Testing

@testable import MotetServer

@Suite struct AdapterRoutesTests {
  @Test func vLLMsRoutesLoadAndUnload() async throws {
    let harness = try Harness()
    let loaded = try await harness.post(
      "/v1/load_lora_adapter", #"{"lora_name": "legal", "lora_path": "allowed/legal"}"#)
    #expect(loaded.status == 200)
    #expect(try await harness.chat(#""model": "legal""#).status == 200)
    #expect(try await harness.post("/v1/unload_lora_adapter", #"{"lora_name": "legal"}"#).status == 200)
    #expect(harness.service.state.withLock { $0.changes } == ["load legal", "unload legal"])
  }

  @Test(arguments: ["../x", "/etc", "allowed/../../x"])
  func foldersElsewhereAreForbidden(path: String) async throws {
    let reply = try await Harness().post(
      "/v1/load_lora_adapter", #"{"lora_name": "x", "lora_path": "\#(path)"}"#)
    #expect(reply.status == 403)
    #expect(reply.code == "forbidden_folder")
  }

  @Test(arguments: ["../x", "a/b", "", "base", "tiny", "auto", "x@3", "-x", ".x"])
  func namesThatCannotBeAreRefused(name: String) async throws {
    let reply = try await Harness().post("/adapters", #"{"name": "\#(name)", "path": "allowed/x"}"#)
    #expect(reply.status == 400)
    #expect(reply.parameter == "name")
  }

  @Test func adaptersAreListedAddedPinnedAndRemoved() async throws {
    let harness = try Harness()
    let list = try await harness.get("/adapters")
    #expect(list["adapters", "0", "name"] == "acme")
    #expect(list["adapters", "0", "version"] == .null)
    #expect(list["adapters", "2", "loaded"] == false)
    let added = try await harness.post(
      "/adapters", #"{"name": "legal", "path": "allowed/legal", "pinned": true}"#)
    #expect(added.status == 201)
    #expect(added["name"] == "legal")
    #expect(try await harness.send(.put, "/adapters/math/pin").status == 200)
    #expect(try await harness.send(.delete, "/adapters/math/pin").status == 200)
    let removed = try await harness.send(.delete, "/adapters/legal")
    #expect(removed["unloaded"] == "legal")
    #expect(
      harness.service.state.withLock { $0.changes }
        == ["load legal", "pin legal", "pin math", "unpin math", "unload legal"])
  }

  @Test func unknownAdaptersAreNotFound() async throws {
    let harness = try Harness()
    #expect(try await harness.send(.delete, "/adapters/nope").status == 404)
    #expect(try await harness.send(.put, "/adapters/..%2Fx/pin").status == 404)
    #expect(try await harness.post("/v1/unload_lora_adapter", #"{"lora_name": "nope"}"#).status == 404)
  }
}
