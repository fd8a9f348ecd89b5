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
  /// - Throws: ``APIError``: 413 before a long body is read where its length is told, 415, 400, 408
  func json(limits: ServerLimits) async throws -> JSONBody {
    if let type = headers[.contentType], !Self.isJSON(type) {
      throw APIError(
        .unsupportedMediaType, "the body must be JSON: send it with Content-Type: application/json",
        code: "unsupported_media_type")
    }
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes {
      throw APIError.tooLarge(limit: limits.bodyBytes)
    }
    let text = JSONText(try await bytes(limits: limits), name: "the body of the request")
    let value: JSONValue
    do { value = try text.value() } catch { throw APIError.invalid(nil, "\(error)", code: "invalid_json") }
    guard case .object(let members) = value else {
      throw APIError.invalid(nil, "the body of the request must be a JSON object", code: "invalid_json")
    }
    return JSONBody(fields: RequestFields(members: members), text: text)
  }

  private func bytes(limits: ServerLimits) async throws -> [UInt8] {
    let (body, most) = (body, limits.bodyBytes)
    let late = APIError(
      .requestTimeout, "the body of the request did not come within \(limits.bodySeconds) s", code: "timeout",
      headers: [.connection: "close"])
    do {
      return try await within(seconds: limits.bodySeconds, else: late) {
        Array(buffer: try await body.collect(upTo: most))
      }
    } catch is NIOTooManyBytesError {
      throw APIError.tooLarge(limit: most)
    }
  }

  private static func isJSON(_ type: String) -> Bool {
    let name = type.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
    return name == "application/json" || (name.hasPrefix("application/") && name.hasSuffix("+json"))
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
