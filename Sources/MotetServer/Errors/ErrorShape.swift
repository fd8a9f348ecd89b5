import MotetFormats

/// In whose words a route says what went wrong.
enum ErrorShape: Sendable {
  /// `{"error": {"message", "type", "param", "code"}}`
  case openAI
  /// `{"error": "…", "error_type": "…"}`, of which LoRAX's clients make their exceptions.
  ///
  /// Source: https://github.com/predibase/lorax, clients/python/lorax/errors.py
  case loRAX

  /// What the published document calls it.
  var schema: String {
    switch self {
    case .openAI: "Error"
    case .loRAX: "GenerateError"
    }
  }
}

extension APIError {
  func body(_ shape: ErrorShape) -> JSONValue {
    switch shape {
    case .openAI: body
    case .loRAX: ["error": .string(message), "error_type": .string(loRAXType)]
    }
  }

  /// `validation`, `overloaded`, `incomplete_generation` and `generation` are LoRAX's own.
  private var loRAXType: String {
    switch status {
    case .unauthorized, .forbidden: "authentication"
    case .tooManyRequests: "overloaded"
    case .serviceUnavailable: code == APIError.cut.code ? "incomplete_generation" : "overloaded"
    case .gatewayTimeout: "incomplete_generation"
    case .unprocessableContent: "generation"
    case let status where status.code >= 500: "generation"
    default: "validation"
    }
  }
}
