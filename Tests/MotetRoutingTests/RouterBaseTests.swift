import Foundation
import MotetModels
import Testing

@testable import MotetRouting

/// A head router looks through the base it was trained on, and through no other.
@Suite struct RouterBaseTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "router-\(UUID().uuidString)")
  private let embed: PromptEmbedding = { $0.map { _ in [Float](repeating: 5, count: Clouds.width) } }

  private func identity(_ sign: Float, hidden: Int = Clouds.width) -> BaseIdentity {
    BaseIdentity(
      name: sign > 0 ? "own" : "other", architecture: "llama", layers: 2, hidden: hidden, vocabulary: 288,
      sketch: ["layers.0.self_attn.q_proj": [1, -2, 3, 0.5].map { $0 * sign }])
  }

  private func load(_ base: BaseIdentity, force: Bool = false) throws -> any Router {
    try RouterFile.load(folder, for: base, embed: embed, force: force)
  }

  @Test func aHeadRouterOfAnotherBaseIsRefusedByName() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    var router = try HeadRouter.train(features: Clouds.train(seed: 1), base: "own")
    router.identity = identity(1)
    try router.save(to: folder)
    let own = try #require(try load(identity(1)) as? HeadRouter)
    #expect(own.identity == identity(1))
    let error = try #require(throws: RouterError.self) { try load(identity(-1)) }
    let text = error.description
    #expect(text.contains("trained on own") && text.contains("other is another base"), "\(text)")
    _ = try load(identity(-1), force: true)
    #expect(throws: RouterError.wrongWidth(expected: Clouds.width, found: 64)) {
      try load(identity(-1, hidden: 64), force: true)
    }
  }

  @Test func aHeadRouterWithoutARecordOfItsBaseIsTakenByItsWidth() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try HeadRouter.train(features: Clouds.train(seed: 1), base: "own").save(to: folder)
    let router = try #require(try load(identity(-1)) as? HeadRouter)
    #expect(router.identity == nil)
  }

  @Test func aLexicalRouterServesEveryBase() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try LexicalRouter.train(domains: ["math": Prompts.math, "code": Prompts.code]).save(to: folder)
    #expect(try load(identity(-1)).kind == "lexical")
  }
}
