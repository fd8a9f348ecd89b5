import Foundation
import MotetAdapters
import MotetModels
import MotetRouting
import MotetTensor
import MotetTraining

extension BaseModel {
  /// The frozen base's mean hidden state of prompts, for ``HeadRouter``.
  public nonisolated var promptEmbedding: PromptEmbedding {
    { prompts in
      try await Compute.run {
        try self.meanHiddenStates(prompts.map { self.tokenizer.encode($0.isEmpty ? " " : $0) })
      }
    }
  }
}

extension HeadRouter {
  /// A softmax regression on the base's mean hidden state.
  /// - Parameters:
  ///   - domains: prompts by domain
  ///   - none: prompts of no domain; empty takes everyday ones
  public static func train(
    on base: BaseModel, domains: [String: [String]], none: [String] = EverydayPrompts.all,
    policy: RoutingPolicy = RoutingPolicy(), seed: UInt64 = 0
  ) async throws -> HeadRouter {
    var router = try await train(
      domains: domains, none: none, policy: policy, base: base.name, seed: seed,
      embed: base.promptEmbedding)
    router.identity = base.identity
    return router
  }
}

extension RouterFile {
  /// Reads the router of a folder to look through `base`.
  /// - Parameter force: takes a head router of another base of the same width
  /// - Throws: ``RouterError``
  public static func load(_ folder: URL, on base: BaseModel, force: Bool = false) throws -> any Router {
    try load(folder, for: base.identity, embed: base.promptEmbedding, force: force)
  }
}

extension LoRA {
  /// `.lora(rank: 16, alpha: 32)`, where a method is asked for.
  public static func lora(rank: Int = 16, alpha: Double? = nil) -> LoRA { LoRA(rank: rank, alpha: alpha) }
}

extension Merge {
  /// The best rank-`rank` adapter of a mix, as a function: `Merge.svd(rank: 16)([math: 1, code: 1])`.
  public static func svd(rank: Int? = nil) -> (Mix) throws -> Adapter {
    { mix in
      let merged = try SVDMerge().merge(
        mix.expanded.terms.map { ($0.adapter.weights, $0.weight) }, rank: rank)
      return Adapter(name: "merged", weights: merged)
    }
  }
}
