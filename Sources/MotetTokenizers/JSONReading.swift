import Foundation
import MotetFormats

/// Reads a JSON file, or says which place in it is wrong.
func readJSON<Contents: Decodable>(_ url: URL) throws -> Contents {
  guard let data = try? Data(contentsOf: url) else {
    throw TokenizerError.unreadable(file: url.path, reason: "there is no such file, or it may not be read")
  }
  if let (problem, mend) = data.withUnsafeBytes({ ForeignContent.recognize($0) }) {
    throw TokenizerError.unreadable(file: url.path, reason: "\(problem); \(mend)")
  }
  do {
    return try JSONDecoder().decode(Contents.self, from: data)
  } catch let error as DecodingError {
    throw TokenizerError.unreadable(file: url.path, reason: describe(error))
  }
}

private func describe(_ error: DecodingError) -> String {
  func place(_ path: [any CodingKey]) -> String {
    path.isEmpty
      ? "" : " at " + path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
  }
  switch error {
  case .keyNotFound(let key, let context):
    return "'\(key.stringValue)' is missing" + place(context.codingPath)
  case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
    return "expected \(type)" + place(context.codingPath)
  case .dataCorrupted(let context):
    return "it is not valid JSON" + place(context.codingPath)
  @unknown default:
    return "it is not the JSON expected"
  }
}
