import Foundation
import Hummingbird
import MotetFormats
import NIOCore
import ServiceLifecycle

/// A request's body: its fields, and the text they were read from.
struct JSONBody: Sendable {
  let fields: RequestFields
  let text: JSONText
  /// Too long to be read again on a thread that answers need.
  let isLong: Bool
}

extension ServerParts {
  /// What `read` makes of a body, read where it holds up no answer.
  func settings<T: Sendable>(
    of body: JSONBody, _ context: ServerContext, _ read: @escaping @Sendable () throws -> T
  ) async throws -> T {
    guard body.isLong else { return try read() }
    return try await prepare(context) { try await bodies.run(read) }
  }
}

extension Request {
  /// The object in the body.
  /// - Throws: ``APIError``: 413 before a long body is read where its length is told, 415, 400, 408, 429 when too many
  ///   long ones are read already
  func json(_ parts: ServerParts, _ context: ServerContext) async throws -> JSONBody {
    let (text, value, isLong) = try await value(parts, context)
    guard case .object(let members) = value else {
      throw APIError.invalid(nil, "the body of the request must be a JSON object", code: "invalid_json")
    }
    return JSONBody(fields: RequestFields(members: members), text: text, isLong: isLong)
  }

  /// The list in the body.
  /// - Throws: ``APIError``, as ``json(_:_:)``
  func list(_ parts: ServerParts, _ context: ServerContext) async throws -> [JSONValue] {
    guard case .array(let elements) = try await value(parts, context).value else {
      throw APIError.invalid(nil, "the body of the request must be a JSON list", code: "invalid_json")
    }
    return elements
  }

  private func value(
    _ parts: ServerParts, _ context: ServerContext
  ) async throws -> (text: JSONText, value: JSONValue, isLong: Bool) {
    let limits = parts.limits
    // A web page can send other types, or none, to any server without asking it first; a key it does not have.
    let isTyped = headers[.contentType].map(Self.isJSON) ?? (parts.authorization.keys != nil)
    guard isTyped else {
      throw APIError(
        .unsupportedMediaType,
        "the body must be JSON and say so: send it with Content-Type: application/json (curl: -H 'Content-Type: application/json')",
        code: "unsupported_media_type")
    }
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes {
      throw APIError.tooLarge(limit: limits.bodyBytes)
    }
    let reading = LargeBody(parts.largeBodies, of: context.client)
    defer { reading.end() }
    let bytes = try await bytes(limits: limits, reading)
    let text = JSONText(bytes, name: "the body of the request")
    do {
      guard bytes.count > limits.smallBodyBytes else {
        return (text, try text.value(containers: limits.bodyContainers), false)
      }
      let value = try await parts.prepare(context) {
        try await parts.bodies.run { try text.value(containers: limits.bodyContainers) }
      }
      return (text, value, true)
    } catch let error as JSONTextError {
      throw APIError.invalid(nil, "\(error)", code: "invalid_json")
    }
  }

  private func bytes(limits: ServerLimits, _ reading: LargeBody) async throws -> [UInt8] {
    let body = body
    let late = APIError(
      .requestTimeout, "the body of the request did not come within \(limits.bodySeconds) s", code: "timeout",
      headers: [.connection: "close"])
    return try await within(seconds: limits.bodySeconds, else: late, untilShutdown: APIError.draining) {
      var bytes: [UInt8] = []
      for try await var part in body {
        guard bytes.count + part.readableBytes <= limits.bodyBytes else {
          throw APIError.tooLarge(limit: limits.bodyBytes)
        }
        // Counted when the bytes have come: a client that is slow to send them takes no place.
        if bytes.count + part.readableBytes > limits.smallBodyBytes {
          do throws(LargeBodies.Refusal) { try reading.begin() } catch { throw APIError(body: error) }
        }
        bytes += part.readBytes(length: part.readableBytes) ?? []
      }
      return bytes
    }
  }

  private static func isJSON(_ type: String) -> Bool {
    let name = type.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
    return name == "application/json" || (name.hasPrefix("application/") && name.hasSuffix("+json"))
  }
}

extension APIError {
  fileprivate init(body refusal: LargeBodies.Refusal) {
    self =
      switch refusal {
      case .full: .tooMany("as many long requests are being read as may be; try again in 1 s", seconds: 1)
      case .fullForClient:
        .tooMany(
          "as many long requests of yours are being read as may be; send the next when one is answered, or try again in 1 s",
          seconds: 1)
      }
    headers[.connection] = "close"
  }
}

/// Runs `body`, which is cancelled and given up after a time.
/// - Parameter shutdown: given up for, when the server ends; nil where it does not wait for `body`
/// - Throws: `error` when the time is over
func within<T: Sendable>(
  seconds: Double, else error: any Error, untilShutdown shutdown: (any Error)? = nil,
  _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
  try await withThrowingTaskGroup(of: T?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: .seconds(seconds))
      throw error
    }
    if let shutdown {
      group.addTask {
        try await gracefulShutdown()
        throw shutdown
      }
    }
    defer { group.cancelAll() }
    guard let value = try await group.next() ?? nil else { throw error }
    return value
  }
}
