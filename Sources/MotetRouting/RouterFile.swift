import Foundation
import MotetFormats
import MotetModels

/// `router.json`: one JSON object that holds a whole router.
///
/// | field | what |
/// |---|---|
/// | `format`, `version` | `motet-router`, 1 |
/// | `kind` | `lexical` or `head` |
/// | `domains`, `adapters`, `policy` | the order of all shares, the adapter of a domain, how shares become a mix |
/// | `calibration` | temperature, a fit threshold for each domain, an allowance for compound prompts |
/// | `lexical` or `head` | the numbers of that kind |
public enum RouterFile {
  public static let name = "router.json"
  static let format = "motet-router"
  static let version = 1

  /// Reads the router of a folder.
  ///
  /// - Parameter embed: gives a head router the base's hidden states; a lexical router needs none.
  /// - Throws: `RouterError` naming the file and what is wrong with it.
  public static func load(_ folder: URL, embed: PromptEmbedding? = nil) throws -> any Router {
    let url = folder.appendingPathComponent(name)
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw RouterError.unreadable(
        path: url.path, reason: "no readable \(name) there; name a folder written by 'motet router train'")
    }
    return try decode(data, path: url.path, embed: embed)
  }

  /// Reads the router of a folder to look through `base`.
  ///
  /// A head router was trained on the hidden states of one base, and another one's mean something else to it, however wide
  /// they are.
  ///
  /// - Parameters:
  ///   - embed: gives a head router the base's hidden states
  ///   - force: takes one that was trained on another base of the same width
  /// - Throws: `RouterError.otherBase` for a head router of another base, and as ``load(_:embed:)``
  public static func load(
    _ folder: URL, for base: BaseIdentity, embed: @escaping PromptEmbedding, force: Bool = false
  ) throws -> any Router {
    let router = try load(folder, embed: embed)
    guard let head = router as? HeadRouter else { return router }
    guard head.hiddenSize == base.hidden else {
      throw RouterError.wrongWidth(expected: head.hiddenSize, found: base.hidden)
    }
    if !force, let reason = head.identity?.mismatch(with: base) {
      throw RouterError.otherBase(
        path: folder.appendingPathComponent(name).path, trained: head.base ?? "another base",
        base: base.name ?? "this one", reason: reason)
    }
    return router
  }

  static func decode(_ data: Data, path: String, embed: PromptEmbedding? = nil) throws -> any Router {
    func read<T: Decodable>(_ type: T.Type) throws -> T {
      do {
        return try JSONDecoder().decode(type, from: data)
      } catch let error as DecodingError {
        throw RouterError.malformed(path: path, reason: explain(error))
      } catch {
        throw RouterError.malformed(path: path, reason: "it is not JSON")
      }
    }
    let header = try read(Header.self)
    guard header.format == format else {
      throw RouterError.malformed(path: path, reason: "format is '\(header.format)', not '\(format)'")
    }
    guard header.version >= 1, header.version <= version else {
      throw RouterError.unsupportedVersion(path: path, found: header.version, supported: version)
    }
    let common = try read(CommonPart.self)
    try check(common, path: path)
    switch header.kind {
    case "lexical": return try read(LexicalFile.self).router(common, path: path)
    case "head": return try read(HeadFile.self).router(common, path: path, embed: embed)
    default: throw RouterError.unknownKind(path: path, kind: header.kind)
    }
  }

  private static func check(_ common: CommonPart, path: String) throws {
    let domains = common.domains
    guard domains.count >= 2, Set(domains).count == domains.count, !domains.contains("") else {
      throw RouterError.malformed(path: path, reason: "'domains' must hold at least two different names")
    }
    do {
      try common.policy.validate()
    } catch let error as RouterError {
      throw RouterError.malformed(path: path, reason: error.description)
    }
    let calibration = common.calibration
    guard calibration.fitThresholds.count == domains.count else {
      throw RouterError.malformed(
        path: path,
        reason: "\(calibration.fitThresholds.count) fit thresholds for \(domains.count) domains")
    }
    guard calibration.temperature > 0, calibration.temperature.isFinite,
      calibration.fitThresholds.allSatisfy(\.isFinite), calibration.compoundAllowance.isFinite
    else { throw RouterError.malformed(path: path, reason: "the calibration is not finite and positive") }
  }

  private static func explain(_ error: DecodingError) -> String {
    func place(_ context: DecodingError.Context) -> String {
      let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
      return path.isEmpty ? "the file" : "'\(path.joined(separator: "."))'"
    }
    switch error {
    case .keyNotFound(let key, _): return "'\(key.stringValue)' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "\(place(context)) is not of the expected type"
    case .dataCorrupted(let context):
      return context.codingPath.isEmpty ? "it is cut off or not JSON" : "\(place(context)) cannot be read"
    @unknown default: return "it cannot be read"
    }
  }

  /// Writes `router.json` whole or not at all, in a folder that is made when missing.
  static func write(_ value: some Encodable, to folder: URL) throws {
    let target = folder.appendingPathComponent(name)
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      try requireOwn(target)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try AtomicFile.write(try encoder.encode(value), to: target)
    } catch let error as FormatError {
      throw error
    } catch let error as RouterError {
      throw error
    } catch {
      throw RouterError.unwritable(path: target.path, reason: error.localizedDescription)
    }
  }
}

extension RouterFile {
  /// Only a router is replaced.
  private static func requireOwn(_ file: URL) throws {
    guard FileManager.default.fileExists(atPath: file.path) else { return }
    let header = try? JSONDecoder().decode(Header.self, from: Data(contentsOf: file))
    guard header?.format == format else {
      throw RouterError.unwritable(
        path: file.path,
        reason: "the file there is not a router, and is not replaced; choose another --output")
    }
  }

  struct Header: Decodable {
    var format: String
    var version: Int
    var kind: String
  }

  struct CommonPart: Codable {
    var domains: [String]
    var adapters: [String: String]
    var policy: RoutingPolicy
    var calibration: ShareCalibration
  }

  /// Floats as base64 of their little-endian bytes: exact and compact.
  static func pack(_ values: [Float]) -> String {
    var bytes = Data(capacity: values.count * 4)
    for value in values {
      withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }
    return bytes.base64EncodedString()
  }

  /// The floats in `text`; throws when there are not `count` or one is not finite.
  static func unpack(_ text: String, count: Int, field: String, path: String) throws -> [Float] {
    guard let bytes = Data(base64Encoded: text) else {
      throw RouterError.malformed(path: path, reason: "'\(field)' is not base64")
    }
    guard count >= 0, bytes.count % 4 == 0, bytes.count / 4 == count else {
      throw RouterError.malformed(
        path: path, reason: "'\(field)' holds \(bytes.count) bytes where \(count) numbers are expected")
    }
    let values = bytes.withUnsafeBytes { raw in
      (0..<count).map { i in
        Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: i * 4, as: UInt32.self)))
      }
    }
    guard values.allSatisfy(\.isFinite) else {
      throw RouterError.malformed(path: path, reason: "'\(field)' holds a number that is not finite")
    }
    return values
  }
}
