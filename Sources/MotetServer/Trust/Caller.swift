import MotetServing

/// Who asks: a key's holder, or anyone where there are no keys.
struct Caller: Sendable, Equatable {
  /// nil without keys.
  var name: String?
  var scope: AdapterScope
  var isAdmin: Bool
  /// Answers under way at one time, and tokens a minute; nil: as many as there is room for.
  var answers: Int?
  var tokensPerMinute: Int?
  var weight = 1.0

  /// Where no keys are given, everything is allowed.
  static let anyone = Caller(name: nil, scope: .all, isAdmin: true)
  /// Who asks for what is open to all where there are keys.
  static let stranger = Caller(name: nil, scope: AdapterScope(patterns: []), isAdmin: false)

  init(name: String?, scope: AdapterScope, isAdmin: Bool) {
    self.name = name
    self.scope = scope
    self.isAdmin = isAdmin
  }

  init(_ key: APIKey) {
    self.init(name: key.name, scope: AdapterScope(patterns: key.adapters), isAdmin: key.isAdmin)
    answers = key.answers
    tokensPerMinute = key.tokensPerMinute
    weight = key.weight
  }
}

extension ServingRequest {
  /// The request as this caller's: within what it may use, counted as its own, and sharing what was read of prompts with
  /// its own requests alone, so that no tenant can find out by the cached tokens what another has asked. Without keys all
  /// share.
  func sent(by caller: Caller) -> ServingRequest {
    var request = self
    request.scope = caller.scope
    request.client = caller.name
    request.clientWeight = caller.weight
    if let name = caller.name { request.cacheSalt.insert(name, at: 0) }
    return request
  }
}
