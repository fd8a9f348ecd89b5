import MotetFormats

/// RoBERTa's layout: `<s> A </s>`, or `<s> A </s></s> B </s>`, all of type 0.
struct RobertaProcessing: PostProcessor {
  static let type = "RobertaProcessing"

  private let sep: NamedToken
  private let cls: NamedToken
  let fields: [String: JSONValue]

  init(_ fields: StepFields) throws {
    sep = try NamedToken(fields, "sep")
    cls = try NamedToken(fields, "cls")
    self.fields = fields.members.filter { $0.key != "type" }
  }

  var single: [TemplatePiece]? {
    [cls.piece(typeID: 0), .sequence(isSecond: false, typeID: 0), sep.piece(typeID: 0)]
  }

  var pair: [TemplatePiece]? {
    (single ?? []) + [sep.piece(typeID: 0), .sequence(isSecond: true, typeID: 0), sep.piece(typeID: 0)]
  }
}
