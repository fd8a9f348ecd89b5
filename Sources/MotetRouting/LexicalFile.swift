import Foundation

/// A lexical router as it stands in `router.json`.
struct LexicalFile: Codable {
  struct Numbers: Codable {
    var classes: Int
    var unknownScale: Double
    /// `w solve`, `2 solve the`, `s equat`, `p x²`.
    var features: [String]
    /// Base64 of `[features]` floats.
    var scales: String
    /// Base64 of `[features, classes]` floats.
    var weights: String
  }

  var format = RouterFile.format
  var version = RouterFile.version
  var kind = "lexical"
  var domains: [String]
  var adapters: [String: String]
  var policy: RoutingPolicy
  var calibration: ShareCalibration
  var lexical: Numbers

  init(_ router: LexicalRouter) {
    domains = router.domains
    adapters = router.adapters
    policy = router.policy
    calibration = router.calibration
    lexical = Numbers(
      classes: router.model.classes, unknownScale: router.model.unknownScale,
      features: router.model.features.map(\.key),
      scales: RouterFile.pack(router.model.scales.map(Float.init)),
      weights: RouterFile.pack(router.model.weights.map(Float.init)))
  }

  func router(_ common: RouterFile.CommonPart, path: String) throws -> LexicalRouter {
    let classes = lexical.classes
    guard classes == domains.count || classes == domains.count + 1 else {
      throw RouterError.malformed(path: path, reason: "\(classes) classes for \(domains.count) domains")
    }
    let features = try lexical.features.enumerated().map { position, key in
      guard let feature = LexicalFeature(key: key) else {
        throw RouterError.malformed(path: path, reason: "feature \(position) is '\(key)', which has no kind")
      }
      return feature
    }
    guard lexical.unknownScale.isFinite, lexical.unknownScale >= 0 else {
      throw RouterError.malformed(path: path, reason: "'lexical.unknownScale' is not a positive number")
    }
    let scales = try RouterFile.unpack(
      lexical.scales, count: features.count, field: "lexical.scales", path: path)
    let weights = try RouterFile.unpack(
      lexical.weights, count: features.count * classes, field: "lexical.weights", path: path)
    return LexicalRouter(
      domains: common.domains, adapters: common.adapters, policy: common.policy,
      model: LexicalModel(
        classes: classes, features: features, scales: scales.map(Double.init),
        unknownScale: lexical.unknownScale, weights: weights.map(Double.init)),
      calibration: common.calibration)
  }
}

extension LexicalRouter {
  public func save(to folder: URL) throws {
    try RouterFile.write(LexicalFile(self), to: folder)
  }
}
