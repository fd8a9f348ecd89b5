import ArgumentParser
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

  /// - Parameter force: takes a head router of another base
  static func load(_ reference: String, base: BaseModel, force: Bool = false) throws -> any Router {
    let router = try RouterFile.load(folder(reference), on: base, force: force)
    if let head = router as? HeadRouter, head.identity == nil {
      Console.note(
        "\(reference): no record of the base it was trained on; taken because its width fits, train it again for one"
      )
    }
    return router
  }

  /// Loads the base only for a router that looks through it.
  static func load(_ reference: String, lazily options: BaseOptions) async throws -> any Router {
    let router = try RouterFile.load(folder(reference))
    guard router is HeadRouter else { return router }
    return try load(reference, base: try await options.load())
  }

  /// The domains of files. Rows of one name add up where the name was given; files that only happen to have one name
  /// are not one domain.
  /// - Throws: `ValidationError`
  static func checkDomains(_ files: [NamedFile]) throws {
    var unnamed: [String: NamedFile] = [:]
    for file in files where !file.isNamed {
      if let other = unnamed.updateValue(file, forKey: file.name) {
        throw ValidationError(
          "--data: \(other.path) and \(file.path) would both be the domain \(file.name); name them: NAME=FILE"
        )
      }
    }
    if let file = files.first(where: { $0.isNamed && unnamed[$0.name] != nil }),
      let other = unnamed[file.name]
    {
      throw ValidationError(
        "--data: \(other.path) would be a part of the domain \(file.name); name it: NAME=\(other.path)")
    }
  }

  /// What a router reads of the rows, by domain.
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
