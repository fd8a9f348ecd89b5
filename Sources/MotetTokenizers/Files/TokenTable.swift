import Foundation
import MotetFormats

/// Tokens by id, as a file lists them. An id may have no token, but there may not be more such ids than tokens.
struct TokenTable {
  private(set) var tokens: [String]
  let file: String

  init(tokens: [String], file: String) {
    self.tokens = tokens
    self.file = file
  }

  /// - Parameter spare: how many tokens are yet to be added
  /// - Throws: ``TokenizerError/malformedVocabulary(reason:)``
  init(_ entries: [(token: String, id: Int)], spare: Int = 0, file: String) throws {
    self.file = file
    tokens = entries.isEmpty ? [""] : []
    if entries.isEmpty, spare == 0 {
      throw TokenizerError.malformedVocabulary(reason: "\(file) holds no token")
    }
    guard let last = entries.map(\.id).max() else { return }
    try Self.check(last, count: entries.count + spare, file)
    tokens = Array(repeating: "", count: last + 1)
    for (token, id) in entries {
      guard id >= 0 else { throw Self.gap(file) }
      guard tokens[id].isEmpty else { throw sameID(tokens[id], token, id) }
      tokens[id] = token
    }
  }

  /// The object of tokens with ids in the file at `url`.
  init(vocabularyJSON url: URL) throws {
    let entries = try readTokenizerFile(url) { bytes in
      var reader = JSONReader(bytes, file: url.path)
      let entries = try Self.entries(&reader)
      try reader.end()
      return entries
    }
    try self.init(entries, file: url.path)
  }

  /// Reads an object of tokens with ids. Tokens are told apart by their bytes.
  static func entries(_ reader: inout JSONReader) throws -> [(token: String, id: Int)] {
    var entries: [(String, Int)] = []
    try reader.members { reader, token in
      guard let id = try? reader.integer() else {
        throw reader.failure("the id of a token was expected at model.vocab")
      }
      entries.append((token, id))
    }
    return entries
  }

  /// The tokens with those that are added; `model` when none is new.
  func vocabulary(with added: [AddedToken], _ model: Vocabulary) throws -> Vocabulary {
    guard let last = added.map({ Int($0.id) }).max() else { return model }
    try Self.check(last, count: tokens.count + added.count, file)
    var all = tokens + Array(repeating: "", count: max(0, last + 1 - tokens.count))
    var isChanged = false
    for token in added {
      let id = Int(token.id)
      guard id >= 0 else { throw Self.gap(file) }
      guard all[id].isEmpty || all[id].utf8.elementsEqual(token.content.utf8) else {
        throw sameID(all[id], token.content, id)
      }
      if all[id].isEmpty { isChanged = true }
      all[id] = token.content
    }
    return isChanged ? try Vocabulary(all) : model
  }

  private static func check(_ last: Int, count: Int, _ file: String) throws {
    guard last < min(2 * (count + 1024), Vocabulary.maximumCount) else { throw gap(file) }
  }

  private static func gap(_ file: String) -> TokenizerError {
    .malformedVocabulary(reason: "the token ids in \(file) do not count up from 0")
  }

  private func sameID(_ first: String, _ second: String, _ id: Int) -> TokenizerError {
    .malformedVocabulary(reason: "'\(first)' and '\(second)' in \(file) have the same id, \(id)")
  }
}
