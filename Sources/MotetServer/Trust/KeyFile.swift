import Foundation
import MotetFormats
import Yams

/// A file of keys: one a line (`NAME sha256:HEX [adapters=math,code*] [admin] [rate=60]`), or a list in YAML or JSON.
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
      } else if word.hasPrefix("rate=") {
        guard let rate = Int(word.dropFirst(5)), rate > 0 else {
          throw KeyFileError.malformed(
            file: file, place: place, problem: "\(word) is no number of requests a minute")
        }
        key.requestsPerMinute = rate
      } else {
        throw KeyFileError.malformed(
          file: file, place: place, problem: "\(word) is not known: adapters=A,B, admin or rate=N is")
      }
    }
    return key
  }

  private struct Entry: Decodable {
    var name: String
    var hash: String
    var adapters: [String]?
    var admin: Bool?
    var rate: Int?
  }

  private static func structured(_ text: String, file: String) throws -> [APIKey] {
    let entries: [Entry]
    do { entries = try YAMLDecoder().decode([Entry].self, from: text) } catch {
      throw KeyFileError.malformed(
        file: file, place: "the file",
        problem: "it is no list of keys with name, hash, adapters, admin and rate: \(reason(error))")
    }
    return try entries.map { entry in
      guard entry.rate.map({ $0 > 0 }) ?? true else {
        throw KeyFileError.malformed(
          file: file, place: entry.name, problem: "its rate is no number of requests a minute")
      }
      return APIKey(
        name: entry.name, hash: try hash(entry.hash, file: file, place: entry.name), adapters: entry.adapters,
        isAdmin: entry.admin ?? false, requestsPerMinute: entry.rate)
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
