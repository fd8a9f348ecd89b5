import Foundation
import MotetRouting
import MotetServing

/// What the routes share.
struct ServerParts: Sendable {
  let service: any AnswerService
  /// Chooses for `auto`; nil when the server was started without one.
  let router: (any MotetRouting.Router)?
  let limits: ServerLimits
  let metrics: ServerMetrics
  let authorization: Authorization
  let watch = ConnectionWatch()
  let largeBodies: LargeBodies
  let recent: RecentAnswers
  let scales = StandingScales()
  /// Unix time.
  let started = Int(Date().timeIntervalSince1970)

  func chooser(for caller: Caller) -> MixChooser {
    MixChooser(service: service, router: router, metrics: metrics, caller: caller)
  }
}
