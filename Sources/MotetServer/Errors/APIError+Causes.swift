import Hummingbird
import MotetAdapters
import MotetServing
import NIOCore
import NIOHTTP1

extension APIError {
  /// The answer to any error that a request ran into; nil for one that is ours and belongs in the log.
  init?(_ error: any Error) {
    switch error {
    case let error as APIError: self = error
    case let error as ServingError: self = APIError(serving: error)
    case let error as MixError: self = .invalid("model", "\(error)")
    case let error as HTTPError: self = APIError(http: error)
    case is CancellationError: self = .cut
    case is NIOTooManyBytesError: self = .tooLarge(limit: nil)
    case is HTTPParserError: self = .brokenBody
    default: return nil
    }
  }

  private init(serving error: ServingError) {
    let message = error.description
    switch error {
    // The engine does not know whose adapters are whose: what a caller may see is added where it is known who asks.
    case .unknownModel(let name, _): self = .unknownModel(name, near: [])
    case .invalid(let parameter, _): self = .invalid(parameter, message)
    case .tooLong: self = .invalid("messages", message, code: "context_length_exceeded")
    case .queueFull(let seconds): self = .tooMany(message, seconds: seconds)
    case .draining: self = .draining
    case .unusableAdapter:
      self = APIError(.unprocessableContent, message, parameter: "model", code: "unusable_adapter")
    case .tooLarge, .pinTooLarge:
      self = APIError(.unprocessableContent, message, parameter: "model", code: "no_room_for_adapter")
    case .forbiddenFolder:
      self = APIError(
        .forbidden, message, type: "permission_error", parameter: "lora_path", code: "forbidden_folder")
    case .noSuchFolder:
      self = APIError(.notFound, message, parameter: "lora_path", code: "model_not_found")
    case .kept: self = APIError(.conflict, message, code: "adapter_kept")
    }
  }

  private init(http error: HTTPError) {
    switch error.status {
    case .notFound: self = .noSuchRoute
    case .contentTooLarge: self = .tooLarge(limit: nil)
    default: self = APIError(error.status, error.body ?? error.status.reasonPhrase)
    }
  }

  static let draining = APIError(
    .serviceUnavailable, ServingError.draining.description, type: "server_error", code: "draining",
    headers: [.retryAfter: "5", .connection: "close"])

  /// Without what others' adapters take, for a key of some.
  static let noRoom = APIError(
    .unprocessableContent, "there is no room in memory for the adapter beside others that stay there",
    parameter: "model", code: "no_room_for_adapter")

  static let noSuchRoute = APIError(
    .notFound, "there is nothing at this address; GET /openapi.json lists what there is", code: "unknown_url")

  static let brokenBody = APIError(
    .badRequest, "the body of the request breaks off, or its chunks are not as HTTP/1.1 has them",
    code: "broken_body", headers: [.connection: "close"])

  /// Nobody reads it; it is for the log and the metrics, in nginx's number for it.
  static let clientGone = APIError(
    HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request"),
    "the client went away before the answer", code: "client_gone")

  static func tooLarge(limit: Int?) -> APIError {
    let most = limit.map { "; at most \($0) bytes are read" } ?? ""
    return APIError(
      .contentTooLarge, "the body of the request is too large\(most)", code: "body_too_large",
      headers: [.connection: "close"])
  }
}
