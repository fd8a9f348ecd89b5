import Foundation
import Hummingbird
import Logging

/// Gives each request an id (the client's own `X-Request-Id` where it sends a sound one), puts it and the trace of a W3C
/// `traceparent` on every log line of the request, and returns the id.
struct RequestIdentity: RouterMiddleware {
  typealias Context = ServerContext

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    var context = context
    let asked = request.headers[.requestID].flatMap(Self.sound)
    context.requestID = asked ?? UUID().uuidString.lowercased()
    context.logger[metadataKey: "request_id"] = "\(context.requestID)"
    context.logger[metadataKey: "hb.request.id"] = nil
    if let trace = request.headers[.traceParent].flatMap(TraceParent.init) {
      context.logger[metadataKey: "trace_id"] = "\(trace.traceID)"
      context.logger[metadataKey: "parent_span_id"] = "\(trace.parentID)"
    }
    var response = try await next(request, context)
    response.headers[.requestID] = context.requestID
    return response
  }

  /// 1 to 128 letters, digits and `-_.:/+=`; anything else gets an id of ours.
  private static func sound(_ text: String) -> String? {
    let isFine = text.utf8.allSatisfy { byte in
      Character(Unicode.Scalar(byte)).isASCII
        && (Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber
          || "-_.:/+=".utf8.contains(byte))
    }
    return (1...128).contains(text.utf8.count) && isFine ? text : nil
  }
}

/// Where a request stands in a trace: `00-TRACE-PARENT-FLAGS`.
///
/// Source: https://www.w3.org/TR/trace-context/, section 3.2
struct TraceParent: Equatable {
  /// 32 hexadecimal digits.
  let traceID: String
  /// 16 of them: the caller's span.
  let parentID: String

  init?(_ header: String) {
    let parts = header.split(separator: "-", omittingEmptySubsequences: false)
    func isHexadecimal(_ text: Substring, _ count: Int) -> Bool {
      text.utf8.count == count
        && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
    guard parts.count >= 4, isHexadecimal(parts[0], 2), parts[0] != "ff",
      parts[0] != "00" || parts.count == 4,
      isHexadecimal(parts[1], 32), isHexadecimal(parts[2], 16), isHexadecimal(parts[3], 2),
      parts[1].contains(where: { $0 != "0" }), parts[2].contains(where: { $0 != "0" })
    else { return nil }
    traceID = String(parts[1])
    parentID = String(parts[2])
  }
}
