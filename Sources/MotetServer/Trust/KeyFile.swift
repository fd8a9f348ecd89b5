import Foundation
import MotetFormats
import Yams

/// A file of keys: one a line, or a list of the same in YAML or JSON.
///
///     NAME sha256:HEX [adapters=math,code*] [admin] [rate=60] [answers=8] [tokens=100000] [weight=2]
public enum KeyFile {
  /// - Throws: ``KeyFileError``
  public static func read(_ path: String) throws -> KeyRing {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw KeyFileError.unreadable(file: path)
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw KeyFileError.malformed(file: path, place: "the file", problem: "it is not UTF-8")
    }
    let keys = try isStructured(path) ? structured(text, file: path) : lines(text, file: path)
    guard !keys.isEmpty else {
      throw KeyFileError.malformed(file: path, place: "the file", problem: "it holds no key")
    }
    return try KeyRing(keys, file: path)
  }

  /// Adds a key's line to a file, which is made when missing, for its owner alone. The write is atomic.
  /// - Throws: ``KeyFileError``, ``FormatError`` when the file cannot be written
  public static func add(_ key: APIKey, to path: String) throws {
    guard !isStructured(path) else {
      throw KeyFileError.malformed(
        file: path, place: "the file",
        problem: "a list in JSON or YAML is not added to; put the key in by hand")
    }
    var lines = ""
    if FileManager.default.fileExists(atPath: path) {
      let known = try read(path)
      _ = try KeyRing(known.keys + [key], file: path)
      lines = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      if !lines.hasSuffix("\n") { lines += "\n" }
    }
    try AtomicFile.write(Data((lines + key.line + "\n").utf8), to: URL(filePath: path))
    try? FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
  }

  private static func isStructured(_ path: String) -> Bool {
    ["json", "yaml", "yml"].contains(URL(filePath: path).pathExtension.lowercased())
  }

  /// Whether others than the owner may read the file.
  public static func isOpenToOthers(_ path: String) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let mode = attributes?[.posixPermissions] as? NSNumber else { return false }
    return mode.intValue & 0o077 != 0
  }

  private static func lines(_ text: String, file: String) throws -> [APIKey] {
    try text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { index, line in
      let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
      return words.isEmpty ? nil : try key(words, file: file, place: "line \(index + 1)")
    }
  }

  private static func key(_ words: [String], file: String, place: String) throws -> APIKey {
    guard words.count >= 2 else {
      throw KeyFileError.malformed(
        file: file, place: place, problem: "a key is a name and its hash: NAME sha256:HEX")
    }
    var key = APIKey(name: words[0], hash: try hash(words[1], file: file, place: place))
    for word in words.dropFirst(2) {
      if word == "admin" {
        key.isAdmin = true
      } else if word.hasPrefix("adapters=") {
        key.adapters = word.dropFirst(9).split(separator: ",").map(String.init)
      } else if word.hasPrefix("weight=") {
        guard let weight = Double(word.dropFirst(7)), APIKey.weights.contains(weight) else {
          throw KeyFileError.malformed(
            file: file, place: place,
            problem: "\(word) must be from 0.01 to 100: weight=2 gives twice the places")
        }
        key.weight = weight
      } else if let (field, what) = Self.limits.first(where: { word.hasPrefix($0.key + "=") })?.value {
        guard let most = Int(word.drop { $0 != "=" }.dropFirst()), most > 0 else {
          throw KeyFileError.malformed(
            file: file, place: place, problem: "\(word) must be a number of \(what), at least 1")
        }
        key[keyPath: field] = most
      } else {
        throw KeyFileError.malformed(
          file: file, place: place,
          problem: "\(word) is not known: adapters=A,B, admin, rate=N, answers=N, tokens=N or weight=W is")
      }
    }
    return key
  }

  /// What is limited, by the word for it in the file.
  private static var limits: [String: (field: WritableKeyPath<APIKey, Int?>, what: String)] {
    [
      "rate": (\.requestsPerMinute, "requests a minute"), "answers": (\.answers, "answers under way"),
      "tokens": (\.tokensPerMinute, "tokens a minute"),
    ]
  }

  private struct Entry: Decodable {
    var name: String
    var hash: String
    var adapters: [String]?
    var admin: Bool?
    var rate: Int?
    var answers: Int?
    var tokens: Int?
    var weight: Double?
  }

  private static func structured(_ text: String, file: String) throws -> [APIKey] {
    let entries: [Entry]
    do { entries = try YAMLDecoder().decode([Entry].self, from: text) } catch {
      throw KeyFileError.malformed(
        file: file, place: "the file",
        problem:
          "it is not a list of keys with name, hash, adapters, admin, rate, answers, tokens and weight: \(reason(error))"
      )
    }
    return try entries.map { entry in
      for (limit, what) in [
        (entry.rate, "rate"), (entry.answers, "answers"), (entry.tokens, "tokens"),
      ] where limit ?? 1 < 1 {
        throw KeyFileError.malformed(file: file, place: entry.name, problem: "its \(what) must be at least 1")
      }
      guard APIKey.weights.contains(entry.weight ?? 1) else {
        throw KeyFileError.malformed(
          file: file, place: entry.name, problem: "its weight must be from 0.01 to 100")
      }
      return APIKey(
        name: entry.name, hash: try hash(entry.hash, file: file, place: entry.name), adapters: entry.adapters,
        isAdmin: entry.admin ?? false, requestsPerMinute: entry.rate, answers: entry.answers,
        tokensPerMinute: entry.tokens, weight: entry.weight ?? 1)
    }
  }

  private static func reason(_ error: any Error) -> String {
    guard case DecodingError.dataCorrupted(let context) = error else {
      return "\(error)".split(separator: "\n").first.map(String.init) ?? ""
    }
    return context.debugDescription
  }

  private static func hash(_ text: String, file: String, place: String) throws -> [UInt8] {
    let digits = Array((text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]).utf8)
    let values = digits.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
    guard digits.count == 64, values.count == 64 else {
      throw KeyFileError.malformed(
        file: file, place: place,
        problem: "the hash is not 64 hexadecimal digits; motet keys hash makes one of a key")
    }
    return stride(from: 0, to: 64, by: 2).map { UInt8(values[$0] * 16 + values[$0 + 1]) }
  }
}

/// What is wrong with a file of keys. No description holds a key.
public enum KeyFileError: Error, Equatable, CustomStringConvertible {
  case unreadable(file: String)
  case malformed(file: String, place: String, problem: String)
  case twice(file: String, what: String)

  public var description: String {
    switch self {
    case .unreadable(let file): "\(file): the keys cannot be read; motet keys new --file \(file) makes one"
    case .malformed(let file, let place, let problem): "\(file): \(place): \(problem)"
    case .twice(let file, let what): "\(file): \(what) stands twice"
    }
  }
}
