import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import MotetFormats
import MotetRouting
import NIOCore
import Synchronization

@testable import MotetServer

/// A server over a scripted service, and requests to it.
struct Harness: Sendable {
  let service: ScriptedService
  let server: AnswerServer
  let log: LogCapture

  init(
    router: (any MotetRouting.Router)? = nil, keys: [APIKey]? = nil,
    _ change: (inout ServerOptions) -> Void = { _ in }
  ) throws {
    service = try ScriptedService()
    var options = ServerOptions()
    options.keys = try keys.map { try KeyRing($0) }
    change(&options)
    let capture = LogCapture()
    log = capture
    let logger = Logger(label: "test") { _ in
      StderrLogHandler(.json, level: .info) { line in capture.lines.withLock { $0.append(line) } }
    }
    server = try AnswerServer(service, router: router, options: options, logger: logger)
  }

  struct Reply: Sendable {
    let status: Int
    let headers: HTTPFields
    let text: String

    var json: JSONValue { (try? JSONText(Array(text.utf8), name: "the reply").value()) ?? .null }

    /// The value under a path of names and places.
    subscript(_ path: String...) -> JSONValue {
      path.reduce(json) { value, step in
        switch value {
        case .object(let members): members[step] ?? .null
        case .array(let elements):
          Int(step).flatMap { elements.indices.contains($0) ? elements[$0] : nil } ?? .null
        default: .null
        }
      }
    }

    /// The `data:` lines of a stream.
    var events: [String] {
      text.components(separatedBy: "\n\n").compactMap {
        $0.hasPrefix("data: ") ? String($0.dropFirst(6)) : nil
      }
    }
  }

  func send(
    _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, headers: HTTPFields = [:],
    key: String? = nil
  ) async throws -> Reply {
    try await send(method, path, bytes: body.map { Array($0.utf8) }, headers: headers, key: key)
  }

  func send(
    _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8]?, headers: HTTPFields = [:],
    key: String? = nil
  ) async throws -> Reply {
    try await server.send(method, path, bytes: bytes, headers: headers, key: key)
  }

  func get(_ path: String, key: String? = nil) async throws -> Reply { try await send(.get, path, key: key) }

  func post(_ path: String, _ body: String, key: String? = nil) async throws -> Reply {
    try await send(.post, path, body, key: key)
  }

  /// A chat request with more fields: `chat("\"n\": 2")`.
  func chat(_ fields: String = "", key: String? = nil) async throws -> Reply {
    try await post(
      "/v1/chat/completions",
      #"{"messages": [{"role": "user", "content": "Hi"}]\#(fields.isEmpty ? "" : ", " + fields)}"#, key: key)
  }
}

extension AnswerServer {
  /// - Parameter isTyped: says that a body is JSON, where `headers` say nothing of it
  func send(
    _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8]? = nil, headers: HTTPFields = [:],
    key: String? = nil, isTyped: Bool = true
  ) async throws -> Harness.Reply {
    var headers = headers
    if let key { headers[.authorization] = "Bearer \(key)" }
    if isTyped, bytes != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
    let sent = headers
    return try await application().test(.router) { client in
      try await client.execute(
        uri: path, method: method, headers: sent, body: bytes.map { ByteBuffer(bytes: $0) }
      ) { response in
        Harness.Reply(
          status: Int(response.status.code), headers: response.headers, text: String(buffer: response.body))
      }
    }
  }
}

final class LogCapture: Sendable {
  let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }
}

extension Harness.Reply {
  var message: String { self["error", "message"].stringValue ?? "" }
  var code: String { self["error", "code"].stringValue ?? "" }
  var parameter: String { self["error", "param"].stringValue ?? "" }
}
