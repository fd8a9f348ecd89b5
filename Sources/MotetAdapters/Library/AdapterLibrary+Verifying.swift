import Foundation
import MotetFormats

extension AdapterLibrary {
  /// Adds a new version of `name` with these weights, and its record with their hash.
  ///
  /// - Throws: as `add(_:writing:)` and `AdapterWeights.write`.
  @discardableResult
  public func add(
    _ name: String, weights: AdapterWeights, configuration: PEFTConfiguration? = nil,
    record: AdapterRecord? = nil
  ) throws -> Entry {
    try add(name) { try weights.write(to: $0, configuration: configuration, record: record) }
  }

  /// What looking through an adapter's files brought up.
  public struct Verification: Sendable, Equatable {
    public let entry: Entry
    /// What makes it unusable or untrustworthy, a line each.
    public let problems: [String]
    /// What is worth knowing, a line each.
    public let notes: [String]

    public var isSound: Bool { problems.isEmpty }
  }

  /// Reads every value of one version: the files are there and sound, the values finite, the record
  /// readable, and the weights those the record was written for.
  ///
  /// - Throws: `LibraryError` when the reference means nothing; what is wrong with the files is in the result.
  public func verify(_ reference: String) throws -> Verification { verify(try resolve(reference)) }

  public func verify(_ entry: Entry) -> Verification {
    var problems: [String] = []
    var notes: [String] = []
    do { _ = try AdapterWeights(unchecked: entry.folder) } catch { problems.append("\(error)") }
    do {
      if let record = try entry.record() {
        let files = [
          ("adapter_model.safetensors", record.weightsHash),
          ("adapter_config.json", record.configurationHash),
        ]
        for case (let name, let expected?) in files {
          let file = entry.folder.appendingPathComponent(name)
          let actual = try AdapterRecord.hash(ofFile: file)
          if actual != expected {
            problems.append(
              "\(file.path): its SHA-256 is \(actual) and motet.json says \(expected); it was changed since, fetch or "
                + "train it again")
          }
        }
        if record.weightsHash == nil { notes.append("motet.json has no hash of the weights") }
        if record.base == nil { notes.append("motet.json does not say which base it was made for") }
      } else {
        notes.append("no motet.json: made by another program, its base is not known")
      }
    } catch {
      let text = "\(error)"
      if !problems.contains(text) { problems.append(text) }
    }
    return Verification(entry: entry, problems: problems, notes: notes)
  }
}
