import Foundation
import MotetModels
import MotetTraining

/// A temporary folder of data files that goes when the test does.
final class DataFolder {
  let url = FileManager.default.temporaryDirectory.appending(path: "motet-data-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Writes a file and gives its path.
  func file(_ content: String) throws -> String { try file("data.jsonl", content) }

  func file(_ name: String, _ content: String) throws -> String { try file(name, Data(content.utf8)) }

  func file(_ name: String, _ content: Data) throws -> String {
    let file = url.appending(path: name)
    try content.write(to: file)
    return file.path
  }

  /// A file of `count` rows, `NAME question 1` and so on.
  func questions(_ name: String, _ count: Int) throws -> String {
    try file(
      name + ".jsonl",
      (1...count).map { #"{"prompt": "\#(name) question \#($0)", "response": "answer \#($0)"}"# + "\n" }
        .joined())
  }

  /// What the tiny model needs to know of its rows.
  static func encoder(context: Int = 128) throws -> RowEncoder {
    let model = try RowEncoder(HuggingFaceFolder(TinyModel.folder.appending(path: "model")))
    return RowEncoder(tokenizer: model.tokenizer, template: model.template, contextLength: context)
  }
}

extension TrainingData {
  init(_ paths: String..., maximumLength: Int? = nil, groupField: String? = nil, dropsBadRows: Bool = false)
    throws
  {
    try self.init(
      files: paths.map { WeightedFile($0) }, encoder: DataFolder.encoder(), maximumLength: maximumLength,
      groupField: groupField, dropsBadRows: dropsBadRows)
  }

  /// What the examples say, in order.
  func decoded() throws -> [String] {
    let encoder = try DataFolder.encoder()
    return try (0..<count).map { encoder.tokenizer.decode(try example(at: $0).tokens) }
  }
}
