import Foundation

/// Prompt in, mix out.
public protocol Router: Sendable {
  /// `lexical` or `head`: what `motet router train --kind` calls it.
  var kind: String { get }
  /// The domains in the order of every share this router gives.
  var domains: [String] { get }
  /// The adapter that serves each domain; the domain's own name where none was given.
  var adapters: [String: String] { get set }
  /// How shares become a mix; may be changed after training.
  var policy: RoutingPolicy { get set }

  /// The shares, the mix and the reasons for one prompt.
  func route(_ prompt: String) async throws -> Route

  /// Writes `router.json` into `folder`, which is made when missing; the write is atomic.
  func save(to folder: URL) throws
}

/// Turns prompts into feature rows `[prompts, hidden]`: the mean over a prompt's tokens of the frozen
/// base's last hidden state.
public typealias PromptEmbedding = @Sendable ([String]) async throws -> [[Float]]
