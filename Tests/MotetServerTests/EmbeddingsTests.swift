import Foundation
import MotetFormats
import Testing

@testable import MotetServer

@Suite struct EmbeddingsTests {
  @Test func everyInputGetsAVector() async throws {
    let reply = try await Harness().post("/v1/embeddings", #"{"model": "tiny", "input": ["a", "bcd"]}"#)
    #expect(reply.status == 200)
    #expect(
      reply["data", "1", "embedding"] == [.double(3), .double(0.5), .double(-2)]
        || reply["data", "1", "embedding"] == [3, .double(0.5), -2])
    #expect(reply["data", "1", "index"] == 1)
    #expect(reply["usage", "total_tokens"] == 4)
  }

  @Test func base64IsLittleEndianFloats() async throws {
    let reply = try await Harness().post(
      "/v1/embeddings", #"{"input": [97, 98], "encoding_format": "base64", "model": "math"}"#)
    let text = try #require(reply["data", "0", "embedding"].stringValue)
    let data = try #require(Data(base64Encoded: text))
    #expect(Array(data) == [0, 0, 0, 0x40, 0, 0, 0, 0x3F, 0, 0, 0, 0xC0])
    #expect(reply.headers[.motetMix] == "math")
  }

  @Test(arguments: [
    (#""encoding_format": "int8""#, "encoding_format"), (#""dimensions": 2"#, "dimensions"),
    (#""model": "auto""#, "model"),
  ])
  func whatCannotBeIsRefused(fields: String, parameter: String) async throws {
    let reply = try await Harness(router: ScriptedRouter()).post(
      "/v1/embeddings", #"{"input": "a", \#(fields)}"#)
    #expect(reply.status == 400)
    #expect(reply.parameter == parameter)
  }
}
