import ArgumentParser
import Foundation

/// Names by which files can be told apart where they are shown beside one another.
///
/// A name that was given (`NAME=FILE`) stays. Files without one are called by the shortest ends of their paths that
/// differ: `a/test.jsonl` and `b/test.jsonl` become `a/test` and `b/test`, and `test.jsonl` alone `test`.
/// - Throws: `ValidationError` for a name that is given twice, or a file that comes twice without one
func distinctLabels(of files: [NamedFile], option: String = "data") throws -> [String] {
  var places: [String: NamedFile] = [:]
  for file in files {
    if let other = places.updateValue(file, forKey: file.isNamed ? "=\(file.name)" : file.resolvedPath) {
      throw ValidationError(
        file.isNamed
          ? "--\(option): \(other.path) and \(file.path) are both called \(file.name); give each its own name"
          : "--\(option): \(other.path) and \(file.path) are the same file")
    }
  }
  var labels = files.map(\.name)
  var depths = [Int](repeating: 1, count: files.count)
  while let label = firstRepeated(labels) {
    var isLonger = false
    for (index, file) in files.enumerated() where labels[index] == label && !file.isNamed {
      guard let longer = file.label(components: depths[index] + 1) else { continue }
      depths[index] += 1
      labels[index] = longer
      isLonger = true
    }
    guard isLonger else {
      let alike = zip(files, labels).filter { $1 == label }.map(\.0.path)
      throw ValidationError(
        "--\(option): \(alike.joined(separator: " and ")) are both called \(label); name them: NAME=FILE")
    }
  }
  return labels
}

private func firstRepeated(_ labels: [String]) -> String? {
  var seen = Set<String>()
  return labels.first { !seen.insert($0).inserted }
}

extension NamedFile {
  fileprivate var resolvedPath: String { URL(filePath: path).standardizedFileURL.path }

  /// The last components of the whole path, without the file's ending; nil where it has fewer.
  fileprivate func label(components: Int) -> String? {
    let all = URL(filePath: path).standardizedFileURL.deletingPathExtension().pathComponents
      .filter { $0 != "/" }
    return components > all.count ? nil : all.suffix(components).joined(separator: "/")
  }
}
