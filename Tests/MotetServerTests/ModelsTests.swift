import MotetFormats
import Testing

@testable import MotetServer

@Suite struct ModelsTests {
  @Test func theBaseTheAdaptersAndTheirVersionsAreListed() async throws {
    let reply = try await Harness().get("/v1/models")
    #expect(reply.status == 200)
    guard case .array(let data) = reply["data"] else {
      Issue.record("no list")
      return
    }
    let ids = data.compactMap { entry -> String? in
      if case .object(let members) = entry { members["id"]?.stringValue } else { nil }
    }
    #expect(ids == ["tiny", "acme", "code", "code@1", "math", "math@2", "math@1"])
    #expect(reply["data", "0", "parent"] == .null)
    #expect(reply["data", "4", "parent"] == "tiny")
    #expect(reply["data", "5", "root"] == "math")
    #expect(reply["data", "4", "owned_by"] == "motet")
    #expect(reply["data", "4", "created"] == 1_700_000_000)
  }

  @Test func autoIsAModelWhereThereIsARouter() async throws {
    #expect(try await Harness(router: ScriptedRouter()).get("/v1/models/auto").status == 200)
    #expect(try await Harness().get("/v1/models/auto").status == 404)
  }

  @Test func oneModelIsFoundByNameAndVersion() async throws {
    let reply = try await Harness().get("/v1/models/math%402")
    #expect(reply.status == 200)
    #expect(reply["id"] == "math@2")
  }

  @Test func anUnknownModelNamesThoseThatAreNear() async throws {
    let reply = try await Harness().get("/v1/models/maths")
    #expect(reply.status == 404)
    #expect(reply.code == "model_not_found")
    #expect(reply.message.contains("did you mean math"))
  }
}
