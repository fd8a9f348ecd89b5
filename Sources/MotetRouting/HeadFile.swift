import Foundation
import MotetModels

/// A head router as it stands in `router.json`; the numbers are base64 of little-endian floats.
struct HeadFile: Codable {
  struct Numbers: Codable {
    var hidden: Int
    var classes: Int
    var mean: String
    var inverseDeviation: String
    var weights: String
    var bias: String
    var centres: String
  }

  var format = RouterFile.format
  var version = RouterFile.version
  var kind = "head"
  var domains: [String]
  var adapters: [String: String]
  var policy: RoutingPolicy
  var calibration: ShareCalibration
  var base: String?
  /// Absent in files from before it was kept.
  var identity: BaseIdentity?
  var head: Numbers

  init(_ router: HeadRouter) {
    let model = router.model
    domains = router.domains
    adapters = router.adapters
    policy = router.policy
    calibration = router.calibration
    base = router.base
    identity = router.identity
    head = Numbers(
      hidden: model.width, classes: model.classes, mean: RouterFile.pack(model.mean),
      inverseDeviation: RouterFile.pack(model.inverseDeviation), weights: RouterFile.pack(model.weights),
      bias: RouterFile.pack(model.bias), centres: RouterFile.pack(model.centres.flatMap { $0 }))
  }

  func router(_ common: RouterFile.CommonPart, path: String, embed: PromptEmbedding?) throws -> HeadRouter {
    let hidden = head.hidden
    let classes = head.classes
    guard hidden > 0, hidden <= 1 << 20, classes == domains.count || classes == domains.count + 1 else {
      throw RouterError.malformed(
        path: path, reason: "hidden size \(hidden) and \(classes) classes do not fit \(domains.count) domains"
      )
    }
    func numbers(_ text: String, _ count: Int, _ field: String) throws -> [Float] {
      try RouterFile.unpack(text, count: count, field: "head.\(field)", path: path)
    }
    let centres = try numbers(head.centres, domains.count * hidden, "centres")
    let model = HeadModel(
      classes: classes, mean: try numbers(head.mean, hidden, "mean"),
      inverseDeviation: try numbers(head.inverseDeviation, hidden, "inverseDeviation"),
      weights: try numbers(head.weights, hidden * classes, "weights"),
      bias: try numbers(head.bias, classes, "bias"),
      centres: (0..<domains.count).map { Array(centres[$0 * hidden..<($0 + 1) * hidden]) })
    return HeadRouter(
      domains: common.domains, adapters: common.adapters, policy: common.policy, base: base,
      identity: identity,
      model: model, calibration: common.calibration, embed: embed)
  }
}

extension HeadRouter {
  public func save(to folder: URL) throws {
    try RouterFile.write(HeadFile(self), to: folder)
  }
}
