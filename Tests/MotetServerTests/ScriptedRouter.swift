import Foundation
import MotetRouting

/// A router with one opinion: code 0.6, math 0.4; nothing of a prompt that says "weather".
struct ScriptedRouter: Router {
  let kind = "lexical"
  let domains = ["code", "math"]
  var adapters: [String: String] = [:]
  var policy = RoutingPolicy()

  func route(_ prompt: String) async throws -> Route {
    let fits = !prompt.contains("weather")
    let text = """
      {"weights": [{"domain": "code", "adapter": "code", "weight": 0.6}, {"domain": "math", "adapter": "math", "weight": 0.4}],
       "mix": \(fits ? #"[{"domain": "code", "adapter": "code", "weight": 0.6}, {"domain": "math", "adapter": "math", "weight": 0.4}]"# : "[]"),
       "fit": \(fits ? 1 : -1),
       "reason": [{"kind": "word", "text": "solve", "domain": "math", "contribution": 0.5, "contributions": [0, 0.5]}]}
      """
    return try JSONDecoder().decode(Route.self, from: Data(text.utf8))
  }

  func save(to folder: URL) throws {}
}
