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
  let watch: ConnectionWatch
  let largeBodies: LargeBodies
  let recent: RecentAnswers
  let scales = StandingScales()
  let shares = KeyShares()
  /// Where long bodies are read, and where texts become tokens: on no thread that answers need.
  let bodies = WorkLane("motet.bodies")
  let texts = WorkLane("motet.texts")
  /// Unix time.
  let started = Int(Date().timeIntervalSince1970)

  func chooser(for caller: Caller) -> MixChooser {
    MixChooser(service: service, router: router, metrics: metrics, limits: limits, caller: caller)
  }

  /// - Parameter most: tokens of a text; as many as fit with an answer unless told
  func encoder(most: Int? = nil) -> PromptEncoder {
    let room = most ?? service.context - 1
    return PromptEncoder(
      tokenizer: service.tokenizer, template: service.template, lane: texts,
      most: min(limits.promptTokens ?? room, room))
  }
}
