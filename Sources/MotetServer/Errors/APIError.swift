import Hummingbird
import MotetFormats

/// What a client gets in place of an answer, in the body that OpenAI's clients read:
/// `{"error": {"message", "type", "param", "code"}}`.
struct APIError: Error, HTTPResponseError, CustomStringConvertible {
  var status: HTTPResponse.Status
  var message: String
  /// `invalid_request_error`, `authentication_error`, `permission_error`, `rate_limit_error`, `server_error`
  var type: String
  /// The field of the request that is at fault, as the API names it.
  var parameter: String?
  /// What a program branches on, such as `model_not_found`.
  var code: String?
  var headers: HTTPFields = [:]

  init(
    _ status: HTTPResponse.Status, _ message: String, type: String = "invalid_request_error",
    parameter: String? = nil, code: String? = nil, headers: HTTPFields = [:]
  ) {
    self.status = status
    self.message = message
    self.type = type
    self.parameter = parameter
    self.code = code
    self.headers = headers
  }

  var description: String { "\(status.code): \(message)" }

  var body: JSONValue {
    .object([
      "error": .object([
        "message": .string(message), "type": .string(type),
        "param": parameter.map(JSONValue.string) ?? .null, "code": code.map(JSONValue.string) ?? .null,
      ])
    ])
  }

  func response(from request: Request, context: some RequestContext) -> Response {
    .json(body, status: status, headers: headers)
  }
}

extension APIError {
  /// A field with a value that cannot be.
  static func invalid(_ parameter: String?, _ message: String, code: String? = nil) -> APIError {
    APIError(.badRequest, message, parameter: parameter, code: code)
  }

  /// A field that other servers know and this one does not do.
  static func unsupported(_ parameter: String, _ mend: String = "leave it out") -> APIError {
    invalid(parameter, "\"\(parameter)\" is not supported here; \(mend)", code: "unsupported_parameter")
  }

  static func unknownModel(_ name: String, near: [String]) -> APIError {
    let advice =
      near.isEmpty
      ? "GET /v1/models lists those there are" : "did you mean \(near.joined(separator: ", "))?"
    return APIError(
      .notFound, "no model is called \"\(name.shown(200))\"; \(advice)", parameter: "model",
      code: "model_not_found")
  }

  static func tooMany(_ message: String, seconds: Int) -> APIError {
    APIError(
      .tooManyRequests, message, type: "rate_limit_error", code: "rate_limit_exceeded",
      headers: [.retryAfter: "\(max(1, seconds))"])
  }

  /// What to say when the reason is ours: the log has it, the client does not.
  static let internalFailure = APIError(
    .internalServerError, "the server failed on this request; its log says why", type: "server_error",
    code: "internal_error")
}
