import Foundation
import Hummingbird
import MotetFormats
import NIOCore

/// A request's body: its fields, and the text they were read from.
struct JSONBody: Sendable {
  let fields: RequestFields
  let text: JSONText
}

extension Request {
  /// The object in the body.
  /// - Throws: ``APIError``: 413 before a long body is read where its length is told, 415, 400, 408, 429 when too many
  ///   long ones are read already
  func json(_ parts: ServerParts, _ context: ServerContext) async throws -> JSONBody {
    let (text, value) = try await value(parts, context)
    guard case .object(let members) = value else {
      throw APIError.invalid(nil, "the body of the request must be a JSON object", code: "invalid_json")
    }
    return JSONBody(fields: RequestFields(members: members), text: text)
  }

  /// The list of objects in the body.
  /// - Throws: ``APIError``, as ``json(_:_:)``
  func objects(_ parts: ServerParts, _ context: ServerContext) async throws -> [RequestFields] {
    guard case .array(let elements) = try await value(parts, context).value else {
      throw APIError.invalid(nil, "the body of the request must be a JSON list", code: "invalid_json")
    }
    return try elements.enumerated().map { index, element in
      guard case .object(let members) = element else {
        throw APIError.invalid("[\(index)]", "\"[\(index)]\" must be an object")
      }
      return RequestFields(members: members, prefix: "[\(index)].")
    }
  }

  private func value(
    _ parts: ServerParts, _ context: ServerContext
  ) async throws -> (text: JSONText, value: JSONValue) {
    let limits = parts.limits
    if let type = headers[.contentType], !Self.isJSON(type) {
      throw APIError(
        .unsupportedMediaType, "the body must be JSON: send it with Content-Type: application/json",
        code: "unsupported_media_type")
    }
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes {
      throw APIError.tooLarge(limit: limits.bodyBytes)
    }
    let reading = LargeBody(parts.largeBodies, of: context.client)
    defer { reading.end() }
    let text = JSONText(try await bytes(limits: limits, reading), name: "the body of the request")
    do { return (text, try text.value()) } catch {
      throw APIError.invalid(nil, "\(error)", code: "invalid_json")
    }
  }

  private func bytes(limits: ServerLimits, _ reading: LargeBody) async throws -> [UInt8] {
    let body = body
    let late = APIError(
      .requestTimeout, "the body of the request did not come within \(limits.bodySeconds) s", code: "timeout",
      headers: [.connection: "close"])
    return try await within(seconds: limits.bodySeconds, else: late) {
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
/// - Throws: `error` when the time is over
func within<T: Sendable>(
  seconds: Double, else error: any Error, _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
  try await withThrowingTaskGroup(of: T?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: .seconds(seconds))
      return nil
    }
    defer { group.cancelAll() }
    guard let value = try await group.next() ?? nil else { throw error }
    return value
  }
}
