import Foundation
import NIOHTTP1

extension HubTransport {
  /// What a status other than success means; `path` is the file that was asked for, nil for the repository.
  func failure(_ response: Response, path: String? = nil, revision: String) -> HubRefusal {
    let code = response.headers.first(name: "X-Error-Code") ?? ""
    let message = response.headers.first(name: "X-Error-Message") ?? ""
    let hasToken = settings.token != nil
    let page = "\(settings.endpoint.absoluteString)/\(repository)"
    let error: HubError =
      switch (response.status, code) {
      case (401, "GatedRepo"), (403, "GatedRepo"):
        .gated(repository: repository, page: page, hasToken: hasToken)
      case (401, _): .unauthorized(repository: repository, hasToken: hasToken)
      case (403, _): .forbidden(repository: repository, reason: message)
      case (404, "RevisionNotFound"): .noRevision(revision, repository: repository)
      case (404, "EntryNotFound"): .noEntry(path ?? "", repository: repository)
      case (404, _):
        if let path {
          .noEntry(path, repository: repository)
        } else {
          .noRepository(repository, hasToken: hasToken)
        }
      case (429, _): .tooManyRequests(seconds: Self.pause(response.headers).map { Int($0.rounded(.up)) })
      default: .status(response.status, address: Self.place(response.url), reason: message)
      }
    return HubRefusal(error: error, pause: Self.pause(response.headers))
  }

  /// Seconds until the server wants to be asked again: `Retry-After` in seconds or as a date, or what is left of a window
  /// in the hub's `RateLimit: "api";r=0;t=55`.
  static func pause(_ headers: HTTPHeaders, now: Date = Date()) -> Double? {
    if let text = headers.first(name: "Retry-After")?.trimmingCharacters(in: .whitespaces) {
      if let seconds = Double(text) { return seconds.isFinite && seconds >= 0 ? seconds : nil }
      let format = DateFormatter()
      format.locale = Locale(identifier: "en_US_POSIX")
      format.timeZone = TimeZone(identifier: "GMT")
      format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
      return format.date(from: text).map { max(0, $0.timeIntervalSince(now)) }
    }
    let parts = (headers.first(name: "RateLimit") ?? "").split(separator: ";").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    guard parts.contains("r=0"), let left = parts.first(where: { $0.hasPrefix("t=") }) else { return nil }
    return Double(left.dropFirst(2)).flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
  }
}
