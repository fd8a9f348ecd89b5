import Crypto
import Foundation

/// A key that a server takes, as its file holds it: its SHA-256, never itself.
///
/// A plain SHA-256 is enough, for a key is 32 bytes drawn at random and no word that could be guessed.
public struct APIKey: Sendable, Equatable {
  /// What logs and metrics call who holds it.
  public var name: String
  /// SHA-256 of the key's text.
  public var hash: [UInt8]
  /// Names of adapters, `*` at the end for any rest; nil: all.
  public var adapters: [String]?
  /// May load, unload and pin adapters and read the metrics.
  public var isAdmin: Bool
  public var requestsPerMinute: Int?
  /// Answers under way at one time, and tokens a minute, of prompts and of answers together.
  public var answers: Int?
  public var tokensPerMinute: Int?
  /// Its share of the places beside other keys.
  public var weight: Double

  /// What ``weight`` may be.
  public static let weights = 0.01...100

  public init(
    name: String, hash: [UInt8], adapters: [String]? = nil, isAdmin: Bool = false,
    requestsPerMinute: Int? = nil, answers: Int? = nil, tokensPerMinute: Int? = nil, weight: Double = 1
  ) {
    self.answers = answers
    self.tokensPerMinute = tokensPerMinute
    self.weight = weight
    self.name = name
    self.hash = hash
    self.adapters = adapters
    self.isAdmin = isAdmin
    self.requestsPerMinute = requestsPerMinute
  }

  /// A new key's text: `mot_` and 32 random bytes in hexadecimal.
  public static func draw() -> String {
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    return "mot_" + hexadecimal(bytes)
  }

  public static func hash(_ key: String) -> [UInt8] { Array(SHA256.hash(data: Data(key.utf8))) }

  /// As a line of a file of keys.
  public var line: String {
    var words = [name, "sha256:" + Self.hexadecimal(hash)]
    if let adapters { words.append("adapters=" + adapters.joined(separator: ",")) }
    if isAdmin { words.append("admin") }
    if let requestsPerMinute { words.append("rate=\(requestsPerMinute)") }
    if let answers { words.append("answers=\(answers)") }
    if let tokensPerMinute { words.append("tokens=\(tokensPerMinute)") }
    if weight != 1 { words.append("weight=\(weight)") }
    return words.joined(separator: " ")
  }

  public static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
