import Foundation

extension AdapterRecord {
  public static let fileName = "motet.json"

  /// The record in an adapter's folder; nil when the folder has none, as those PEFT made.
  ///
  /// - Throws: `AdapterRecordError`, with the place in the file.
  public static func read(from folder: URL) throws -> AdapterRecord? {
    let file = folder.appendingPathComponent(fileName)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let data: Data
    do {
      data = try Data(contentsOf: file)
    } catch {
      throw AdapterRecordError.unreadable(file: file.path, reason: error.localizedDescription)
    }
    do {
      return try decoder.decode(AdapterRecord.self, from: data)
    } catch let error as DecodingError {
      throw AdapterRecordError.malformed(file: file.path, problem: Self.words(for: error))
    } catch {
      throw AdapterRecordError.malformed(file: file.path, problem: "it is no JSON")
    }
  }

  /// The bytes of `motet.json`: sorted keys, one trailing newline.
  public func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    // A loss may have diverged; the record says so instead of being lost.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try encoder.encode(self) + Data("\n".utf8)
  }

  private static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    // As `.iso8601`, whose error does not name the place.
    decoder.dateDecodingStrategy = .custom { decoder in
      let value = try decoder.singleValueContainer()
      let text = try value.decode(String.self)
      guard let date = try? Date(text, strategy: .iso8601) else {
        throw DecodingError.dataCorruptedError(
          in: value, debugDescription: "'\(printable(text))' is no date such as 2026-01-31T12:00:00Z")
      }
      return date
    }
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return decoder
  }

  private static func words(for error: DecodingError) -> String {
    func place(_ path: [any CodingKey]) -> String {
      path.isEmpty ? "the top" : "'" + path.map(\.stringValue).joined(separator: ".") + "'"
    }
    return switch error {
    case .keyNotFound(let key, let context): "\(place(context.codingPath + [key])) is missing"
    case .valueNotFound(_, let context): "\(place(context.codingPath)) has no value"
    case .typeMismatch(let type, let context): "\(place(context.codingPath)) is no \(type)"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: "it is no JSON"
    case .dataCorrupted(let context): "\(place(context.codingPath)): \(context.debugDescription)"
    @unknown default: "it cannot be read"
    }
  }
}

/// What can be wrong with a `motet.json`.
public enum AdapterRecordError: Error, Equatable, CustomStringConvertible {
  case unreadable(file: String, reason: String)
  case malformed(file: String, problem: String)
  /// It is not the file that `motet.json` beside it was written for.
  case changed(file: String)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "\(file): \(reason)"
    case .malformed(let file, let problem):
      "\(file): \(problem); mend it, or remove the file to use the adapter without its record"
    case .changed(let file):
      "\(file): its SHA-256 is not the one in motet.json beside it: it was edited, or is of another run; put the "
        + "right one back, or remove motet.json to use the folder as it is"
    }
  }
}
