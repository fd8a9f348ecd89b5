import Foundation
import MotetFormats

/// The parts of `tokenizer_config.json` that are used here.
struct TokenizerConfiguration {
  private let fields: StepFields

  /// The configuration in the folder of `file`; nil when there is none.
  init?(beside file: URL) throws {
    let url = file.deletingLastPathComponent().appending(path: "tokenizer_config.json")
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    fields = StepFields(try readTokenizerJSON(url), file: url.path)
  }

  /// A token written as a string or as `{"content": …}`; nil when there is none.
  func token(_ name: String) throws -> String? {
    guard let value = fields.present(name) else { return nil }
    if let text = value.stringValue { return text }
    return try fields.object(name).string("content")
  }

  var bosToken: String? { get throws { try token("bos_token") } }
  var eosToken: String? { get throws { try token("eos_token") } }

  /// The class that `transformers` makes the tokenizer with.
  var tokenizerClass: String? { fields.present("tokenizer_class")?.stringValue }

  func bool(_ name: String) throws -> Bool? { try fields.optionalBool(name) }

  /// The tokens of `added_tokens_decoder`, by id.
  func addedTokens() throws -> [AddedToken] {
    guard fields.present("added_tokens_decoder") != nil else { return [] }
    let table = try fields.object("added_tokens_decoder")
    return try table.members.keys.compactMap { key in
      guard let id = Int(key), id >= 0, id < Vocabulary.maximumCount else {
        throw fields.malformed("added_tokens_decoder", "has the id '\(key)'")
      }
      return try AddedToken(table.object(key), id: id)
    }.filter { !$0.content.isEmpty }.sorted { $0.id < $1.id }
  }

  /// The ids of the tokens that the file names for a purpose.
  func specialTokens(in vocabulary: Vocabulary) throws -> SpecialTokens {
    var tokens = SpecialTokens()
    for (path, _, key) in SpecialTokens.names {
      tokens[keyPath: path] = try token(key).flatMap { vocabulary.id(of: $0) }
    }
    return tokens
  }

  /// The layout that `add_bos_token` and `add_eos_token` ask for; nil when the file holds neither, so that the tokenizer's
  /// own counts, as in `transformers`.
  func postProcessor(_ tokens: SpecialTokens) throws -> TemplateProcessing? {
    let (addsBos, addsEos) = (try bool("add_bos_token"), try bool("add_eos_token"))
    guard addsBos != nil || addsEos != nil else { return nil }
    func named(_ adds: Bool?, _ name: String, _ id: Int32?) throws -> (String, Int32)? {
      guard adds == true, let id, let token = try token(name) else { return nil }
      return (token, id)
    }
    return TemplateProcessing(
      beginning: try named(addsBos, "bos_token", tokens.bos), end: try named(addsEos, "eos_token", tokens.eos)
    )
  }
}

/// The members of a JSON object in a file of a tokenizer, or an error that says which place in it is wrong.
func readTokenizerJSON(_ url: URL, limit: Int = 64 << 20) throws -> [String: JSONValue] {
  try readTokenizerFile(url, limit: limit) { bytes in
    var reader = JSONReader(bytes, file: url.path)
    var members: [String: JSONValue] = [:]
    try reader.object { reader, name in members[name] = try reader.value() }
    try reader.end()
    return members
  }
}

/// Calls `body` with the bytes of a file of a tokenizer.
///
/// - Throws: ``TokenizerError/unreadable(file:reason:)`` when there is no such file or it is not what it should be
func readTokenizerFile<Contents>(
  _ url: URL, limit: Int = 1 << 30, _ body: (UnsafeRawBufferPointer) throws -> Contents
) throws -> Contents {
  guard let file = try? MappedFile(contentsOf: url) else {
    throw TokenizerError.unreadable(file: url.path, reason: "there is no such file, or it may not be read")
  }
  guard file.count <= limit else {
    throw TokenizerError.unreadable(
      file: url.path, reason: "it has \(file.count) bytes, more than such a file needs")
  }
  return try file.withBytes { bytes in
    if let (problem, mend) = ForeignContent.recognize(bytes) {
      throw TokenizerError.unreadable(file: url.path, reason: "\(problem); \(mend)")
    }
    do {
      return try body(bytes)
    } catch FormatError.malformed(_, let place, let problem, _) {
      throw TokenizerError.unreadable(file: url.path, reason: "it is not valid JSON: \(problem) at \(place)")
    }
  }
}
