import Foundation
import MotetFormats

extension ChatTemplate {
  /// The template of a Hugging Face model folder: `chat_template.jinja` or, in older ones, the `chat_template` of
  /// `tokenizer_config.json`; of several with names the one that is called `default`. Nil when there is none.
  ///
  /// Templates in `additional_chat_templates` are known by their names.
  /// - Throws: ``ChatTemplateError``, `FormatError` for a damaged `tokenizer_config.json`
  public static func found(inFolder folder: URL) throws -> ChatTemplate? {
    let configuration = try configuration(folder.appending(path: "tokenizer_config.json"))
    var (named, origin) = (Self.templates(in: configuration), "in \(folder.path)/tokenizer_config.json")
    let own = folder.appending(path: "chat_template.jinja")
    if FileManager.default.fileExists(atPath: own.path) {
      (named["default"], origin) = (try source(own), own.path)
    }
    let more = folder.appending(path: "additional_chat_templates")
    for name in (try? FileManager.default.contentsOfDirectory(atPath: more.path)) ?? []
    where name.hasSuffix(".jinja") {
      named[String(name.dropLast(6))] = try source(more.appending(path: name))
    }
    let tokens = Self.specialTokens(in: configuration).merging(
      Self.specialTokens(in: try Self.configuration(folder.appending(path: "special_tokens_map.json"))),
      uniquingKeysWith: { own, _ in own })
    return try template(of: named, specialTokens: tokens, origin: origin)
  }

  /// The template in the metadata of a GGUF file: `tokenizer.chat_template`, and those with names beside it. Nil when
  /// there is none.
  /// - Throws: ``ChatTemplateError``
  public static func found(in file: GGUFFile) throws -> ChatTemplate? {
    var named: [String: String] = [:]
    for name in file.metadata["tokenizer.chat_templates"]?.strings ?? [] {
      named[name] = file.metadata["tokenizer.chat_template.\(name)"]?.string
    }
    if let own = file.metadata["tokenizer.chat_template"]?.string { named["default"] = own }
    guard !named.isEmpty else { return nil }
    let tokens = file.metadata["tokenizer.ggml.tokens"]?.strings ?? []
    var special: [String: String] = [:]
    for (name, key) in [
      ("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", "unknown"), ("sep_token", "seperator"),
      ("pad_token", "padding"), ("cls_token", "cls"), ("mask_token", "mask"),
    ] {
      guard let id = file.metadata["tokenizer.ggml.\(key)_token_id"]?.int, tokens.indices.contains(id) else {
        continue
      }
      special[name] = tokens[id]
    }
    return try template(of: named, specialTokens: special, origin: "in \(file.path)")
  }

  /// A template from a file of its own, or one of those that Motet brings along, by its name.
  /// - Parameter specialTokens: how the tokenizer's tokens are written; ``specialTokens`` of the base's own template
  public init(fileOrName: String, specialTokens: [String: String] = [:]) throws {
    let url = URL(filePath: fileOrName)
    guard !FileManager.default.fileExists(atPath: url.path) else {
      try self.init(jinja: Self.source(url), specialTokens: specialTokens, origin: url.path)
      return
    }
    guard fileOrName.contains("/") || fileOrName.contains(".") else {
      try self.init(builtIn: fileOrName, specialTokens: specialTokens)
      return
    }
    throw ChatTemplateError.unreadable(file: url.path, reason: "there is no such file")
  }

  /// The template of a Hugging Face model folder, which must have one: see ``found(inFolder:)``.
  public init(huggingFace folder: URL) throws {
    guard let found = try Self.found(inFolder: folder) else {
      throw ChatTemplateError.unreadable(
        file: folder.path,
        reason: "it holds neither chat_template.jinja nor a chat_template in tokenizer_config.json")
    }
    self = found
  }

  /// The template of a GGUF file, which must have one: see ``found(in:)``.
  public init(gguf file: GGUFFile) throws {
    guard let found = try Self.found(in: file) else {
      throw ChatTemplateError.unreadable(
        file: file.path, reason: "its metadata holds no tokenizer.chat_template")
    }
    self = found
  }
}

extension ChatTemplate {
  /// Larger than templates are.
  private static let largest = 4 << 20

  private static func template(
    of named: [String: String], specialTokens: [String: String], origin: String
  ) throws -> ChatTemplate? {
    guard !named.isEmpty else { return nil }
    guard let own = named["default"] else {
      throw ChatTemplateError.noDefault(origin: origin, names: named.keys.sorted())
    }
    return try ChatTemplate(
      jinja: own, named: named.filter { $0.key != "default" }, specialTokens: specialTokens, origin: origin)
  }

  private static func source(_ url: URL) throws -> String {
    func failure(_ reason: String) -> ChatTemplateError { .unreadable(file: url.path, reason: reason) }
    guard let data = try? Data(contentsOf: url) else { throw failure("it may not be read") }
    guard data.count <= largest else {
      throw failure(
        "it has \(data.count) bytes, more than a template needs: check that it is the file you mean")
    }
    guard let source = String(validating: data, as: UTF8.self) else { throw failure("it is not UTF-8") }
    if let (problem, mend) = ForeignContent.recognize(source) { throw failure("\(problem); \(mend)") }
    return source
  }

  /// The object in a JSON file; empty when there is no such file.
  private static func configuration(_ url: URL) throws -> [String: JSONValue] {
    guard FileManager.default.fileExists(atPath: url.path) else { return [:] }
    return try JSONValue.object(contentsOf: url)
  }

  /// The templates of `tokenizer_config.json`: one, which is the default, or a list of those with names.
  private static func templates(in configuration: [String: JSONValue]) -> [String: String] {
    switch configuration["chat_template"] {
    case .string(let source)?: return ["default": source]
    case .array(let templates)?:
      var named: [String: String] = [:]
      for case .object(let template) in templates {
        guard let name = template["name"]?.stringValue, let source = template["template"]?.stringValue else {
          continue
        }
        named[name] = source
      }
      return named
    default: return [:]
    }
  }

  /// The members called `bos_token` and the like: strings, or objects with a `content`.
  private static func specialTokens(in configuration: [String: JSONValue]) -> [String: String] {
    var tokens: [String: String] = [:]
    for (name, value) in configuration where name.hasSuffix("_token") {
      switch value {
      case .string(let token): tokens[name] = token
      case .object(let members): tokens[name] = members["content"]?.stringValue
      default: break
      }
    }
    return tokens
  }
}
