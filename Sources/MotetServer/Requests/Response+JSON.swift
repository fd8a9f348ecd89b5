import HTTPTypes
import Hummingbird
import MotetFormats

extension Response {
  static func json(
    _ value: JSONValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
  ) -> Response {
    var headers = headers
    headers[.contentType] = "application/json"
    return Response(
      status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: value.text())))
  }

  static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> Response {
    Response(status: .ok, headers: [.contentType: type], body: .init(byteBuffer: ByteBuffer(string: text)))
  }
}

extension HTTPField.Name {
  static let motetMix = Self.known("X-Motet-Mix")
  static let requestID = Self.known("X-Request-Id")
  static let apiKey = Self.known("X-Api-Key")
  static let traceParent = Self.known("traceparent")

  /// A name that is written here and so is right.
  static func known(_ name: StaticString) -> Self {
    guard let name = Self("\(name)") else { preconditionFailure("\(name) is no name of a header") }
    return name
  }
}
