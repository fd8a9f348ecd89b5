import Foundation
import HTTPTypes
import Logging
import MotetFormats
import Testing

@testable import MotetServer

@Suite struct LogTests {
  @Test func everyRequestIsOneLineOfJSON() async throws {
    let harness = try Harness()
    let reply = try await harness.send(
      .post, "/v1/completions", #"{"prompt": "a", "model": "math"}"#,
      headers: [
        .requestID: "mine-1", .traceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      ])
    #expect(reply.headers[.requestID] == "mine-1")
    let line = try #require(harness.log.all.last)
    guard case .object(let fields) = try JSONText(Array(line.utf8), name: "the line").value() else {
      Issue.record("no object")
      return
    }
    #expect(fields["request_id"] == "mine-1")
    #expect(fields["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(fields["parent_span_id"] == "00f067aa0ba902b7")
    #expect(fields["status"] == 200)
    #expect(fields["method"] == "POST")
    #expect(fields["path"] == "/v1/completions")
    #expect(fields["mix"] == "math@2")
    #expect(fields["model"] == "math")
    #expect(fields["completion_tokens"] == 13)
    #expect(fields["level"] == "info")
    #expect(try #require(fields["seconds"]?.doubleValue) > 0)
  }

  @Test(arguments: ["", "a b", "a\"b", String(repeating: "x", count: 129)])
  func anIDThatIsNoneIsReplaced(id: String) async throws {
    let reply = try await Harness().send(.get, "/health", headers: [.requestID: id])
    let given = try #require(reply.headers[.requestID])
    #expect(given != id)
    #expect(UUID(uuidString: given) != nil)
  }

  @Test(arguments: [
    "", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
  ])
  func aTraceThatIsNoneIsLeftOut(header: String) {
    #expect(TraceParent(header) == nil)
  }

  @Test func aClientCannotWriteALineOfItsOwn() {
    for format in StderrLogHandler.Format.allCases {
      let capture = LogCapture()
      var logger = Logger(label: "x") { _ in
        StderrLogHandler(format) { line in capture.lines.withLock { $0.append(line) } }
      }
      logger[metadataKey: "evil"] = "a\n{\"level\": \"info\"}"
      logger.info("two\nlines")
      #expect(capture.all.count == 1)
      #expect(capture.all[0].filter { $0 == "\n" }.count == 1)
    }
  }

  /// Escape sequences that a terminal obeys, and marks that turn a line around.
  @Test(arguments: [
    "\u{1B}[2J", "\u{9B}31m", "\u{7F}", "\u{85}", "\u{202E}gnp", "\u{2066}", "\u{2028}", "\u{2029}", "\u{0}",
    "\u{200B}",
    "\u{FEFF}", "\u{E0041}", "\r\n",
  ])
  func whatATerminalObeysIsEscaped(text: String) throws {
    for format in StderrLogHandler.Format.allCases {
      let capture = LogCapture()
      let logger = Logger(label: "x") { _ in
        StderrLogHandler(format) { line in capture.lines.withLock { $0.append(line) } }
      }
      logger.info("a\(text)b", metadata: ["model": "c\(text)d", "list": ["e\(text)f"]])
      let line = try #require(capture.all.first)
      #expect(line.last == "\n")
      for scalar in line.dropLast().unicodeScalars {
        let category = scalar.properties.generalCategory
        #expect(category != .control && category != .format, "\(format) \(scalar.value)")
        #expect(category != .lineSeparator && category != .paragraphSeparator)
      }
      guard format == .json else { continue }
      guard case .object(let fields) = try JSONText(Array(line.utf8), name: "the line").value() else {
        return
      }
      #expect(fields["message"] == .string("a\(text)b") && fields["model"] == .string("c\(text)d"))
    }
  }

  @Test func aClientCannotWriteAFactOfItsOwn() throws {
    let line = LogLine(
      time: Date(timeIntervalSince1970: 0), level: .info, message: "answered",
      metadata: ["model": "x status=500", "path": "/v1/models", "reason": "say \"hi\""])
    #expect(line.text.hasSuffix(#" info answered model="x status=500" path=/v1/models reason="say \"hi\"""#))
  }

  @Test func whatFailsInTheServerIsLoggedAndNotTold() async throws {
    let harness = try Harness()
    struct Secret: Error {}
    #expect(APIError(Secret()) == nil)
    #expect(APIError.internalFailure.message.contains("log"))
    _ = harness
  }
}
