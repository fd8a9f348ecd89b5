import Foundation
import Motet

/// Routers by folder or by name under `$MOTET_HOME/routers`.
enum RouterFinder {
  static func folder(_ reference: String) -> URL {
    if reference.contains("/") { return URL(filePath: reference) }
    let named = ModelStore.home().appending(path: "routers").appending(path: reference)
    let local = URL(filePath: reference)
    return FileManager.default.fileExists(atPath: local.path) ? local : named
  }

  static func load(_ reference: String, base: BaseModel) throws -> any Router {
    try RouterFile.load(folder(reference), embed: base.promptEmbedding)
  }

  /// Loads the base only for a router that looks through it.
  static func load(_ reference: String, lazily options: BaseOptions) async throws -> any Router {
    let router = try RouterFile.load(folder(reference))
    guard router is HeadRouter else { return router }
    return try load(reference, base: try await options.load())
  }

  static func prompts(
    _ files: [NamedFile], columns: ColumnOptions, limit: Int?
  ) throws -> [String: [String]] {
    var domains: [String: [String]] = [:]
    for file in files {
      let rows = try columns.prompts(file.path).map(\.prompt)
      domains[file.name, default: []] += limit.map { Array(rows.prefix($0)) } ?? rows
    }
    return domains
  }
}
