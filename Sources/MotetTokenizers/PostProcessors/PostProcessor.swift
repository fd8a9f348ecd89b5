import MotetFormats

/// Puts special tokens around texts: one file a kind, one line in ``postProcessorKinds``.
protocol PostProcessor: PipelineStep {
  /// How a text by itself is laid out; nil for a step that changes nothing.
  var single: [TemplatePiece]? { get }
  /// How two texts are laid out together.
  var pair: [TemplatePiece]? { get }
}

/// A part of the layout of one or two texts.
enum TemplatePiece: Equatable, Sendable {
  /// Tokens that are added.
  case special(ids: [Int32], typeID: Int32)
  /// The first text or the second.
  case sequence(isSecond: Bool, typeID: Int32)

  /// A text by itself, or two in a row, without any token added.
  static let plainSingle = [TemplatePiece.sequence(isSecond: false, typeID: 0)]
  static let plainPair = plainSingle + [.sequence(isSecond: true, typeID: 1)]

  var isSpecial: Bool { if case .special = self { true } else { false } }
}

/// The kinds of post-processors.
let postProcessorKinds = StepKinds<any PostProcessor>(
  "post-processor", list: "processors",
  [
    TemplateProcessing.self,
    BertProcessing.self,
    RobertaProcessing.self,
    ByteLevelProcessing.self,
  ])

/// How a tokenizer lays texts out.
struct TextLayout: Equatable, Sendable {
  var single = TemplatePiece.plainSingle
  var pair = TemplatePiece.plainPair

  init() {}

  /// - Throws: ``TokenizerError/unsupported(file:what:)`` when two steps add tokens
  init(_ steps: [any PostProcessor], file: String) throws {
    let adding = steps.filter { $0.single != nil || $0.pair != nil }
    guard adding.count <= 1 else {
      throw TokenizerError.unsupported(
        file: file, what: adding.map { type(of: $0).type }.joined(separator: " and ") + " one after the other"
      )
    }
    single = adding.first?.single ?? single
    pair = adding.first?.pair ?? pair
  }

  var addsTokens: Bool { (single + pair).contains(where: \.isSpecial) }

  /// The ids that are added.
  var ids: [Int32] {
    (single + pair).flatMap { piece in if case .special(let ids, _) = piece { ids } else { [Int32]() } }
  }
}

/// Trims the offsets of byte-level tokens, which are not told here: it changes nothing.
struct ByteLevelProcessing: PostProcessor {
  static let type = "ByteLevel"

  private let options: [String: JSONValue]

  init(_ fields: StepFields) { options = fields.members.filter { $0.key != "type" } }

  var fields: [String: JSONValue] { options }
  var single: [TemplatePiece]? { nil }
  var pair: [TemplatePiece]? { nil }
}
