import Foundation

/// One of the files that `llama-gguf-split` cuts a GGUF into: `NAME-00002-of-00003.gguf`.
///
/// The first holds the metadata; each holds some of the tensors, with `split.no`, `split.count` and
/// `split.tensors.count` (of all parts together). Source: llama.cpp, `llama_split_path` in `llama.cpp`.
package struct GGUFSplit: Equatable {
  /// The name before `-00002-of-00003.gguf`.
  package let stem: String
  /// Counted from 1.
  package let number: Int
  package let count: Int
  private let folder: URL

  static let maximumParts = 4096

  /// nil for a name of another form.
  package init?(_ url: URL) {
    guard url.pathExtension.lowercased() == "gguf" else { return nil }
    let words = url.deletingPathExtension().lastPathComponent.split(
      separator: "-", omittingEmptySubsequences: false)
    guard words.count >= 4, words[words.count - 2] == "of", let count = Self.number(words[words.count - 1]),
      let number = Self.number(words[words.count - 3]), (1...Self.maximumParts).contains(count),
      (1...count).contains(number)
    else { return nil }
    stem = words.dropLast(3).joined(separator: "-")
    folder = url.deletingLastPathComponent()
    self.number = number
    self.count = count
  }

  /// Where part `number` lies.
  package func url(of number: Int) -> URL {
    let digits = { (value: Int) in String(repeating: "0", count: max(0, 5 - "\(value)".count)) + "\(value)" }
    return folder.appendingPathComponent("\(stem)-\(digits(number))-of-\(digits(count)).gguf")
  }

  private static func number(_ text: Substring) -> Int? {
    text.utf8.count == 5 && text.utf8.allSatisfy({ (48...57).contains($0) }) ? Int(text) : nil
  }
}

extension GGUFFile {
  /// The tensors of the parts after the first one.
  /// - Parameters:
  ///   - first: the opened file, whose metadata says how many parts there are
  ///   - tensors: of the first part
  static func joined(
    _ first: URL, metadata: [String: GGUFValue], tensors: [String: StoredTensor]
  ) throws -> [String: StoredTensor] {
    guard let count = metadata["split.count"]?.int, count > 1 else { return tensors }
    func broken(_ place: String, _ problem: String, _ mend: String) -> FormatError {
      .malformed(file: first.path, place: place, problem: problem, mend: mend)
    }
    guard let split = GGUFSplit(first), split.count == count else {
      throw broken(
        "'split.count'", "it is a part of \(count) and its name does not say which",
        "give the parts the names they were made with (NAME-00001-of-0000\(min(count, 9)).gguf), or join them "
          + "with `llama-gguf-split --merge`")
    }
    guard metadata["split.no"]?.int == 0, split.number == 1 else {
      throw broken(
        "'split.no'", "it is not the first of \(count) parts",
        "name the first one, \(quoted(split.url(of: 1).lastPathComponent))")
    }
    let missing = (2...count).map { split.url(of: $0) }
      .filter { !FileManager.default.fileExists(atPath: $0.path) }
    guard missing.isEmpty else {
      throw broken(
        "'split.count'",
        "of its \(count) parts there is no \(FolderContents.list(missing.map(\.lastPathComponent)))",
        "fetch them into the same folder")
    }
    var all = tensors
    for number in 2...count {
      let url = split.url(of: number)
      let part = try open(url)
      guard part.header.metadata["split.no"]?.int == number - 1,
        part.header.metadata["split.count"]?.int == count
      else {
        throw FormatError.malformed(
          file: url.path, place: "'split.no'", problem: "it is not part \(number) of \(count)",
          mend: "fetch the parts of one model into the same folder")
      }
      for (name, tensor) in part.tensors {
        guard all.updateValue(tensor, forKey: name) == nil else {
          throw FormatError.malformed(
            file: url.path, place: "tensor \(quoted(name))", problem: "another part holds it too",
            mend: "fetch the parts of one model into the same folder")
        }
      }
    }
    if let expected = metadata["split.tensors.count"]?.int, expected != all.count {
      throw broken(
        "'split.tensors.count'", "it promises \(expected) tensors and the parts hold \(all.count)",
        "fetch the parts of one model into the same folder")
    }
    return all
  }
}
