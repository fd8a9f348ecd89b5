import MotetServing

/// An error of each kind that an engine gives.
enum ServingErrorCase {
  case tooLong, queueFull, draining, unusable, invalid

  var value: ServingError {
    switch self {
    case .tooLong: .tooLong(tokens: 900, context: 512)
    case .queueFull: .queueFull(retryAfterSeconds: 2)
    case .draining: .draining
    case .unusable: .unusableAdapter(name: "math", reason: "NaN in a weight")
    case .invalid:
      .invalid(parameter: "response_format", message: "the schema has a pattern, which is not done")
    }
  }
}
