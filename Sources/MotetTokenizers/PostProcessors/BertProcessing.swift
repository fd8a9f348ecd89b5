import MotetFormats

/// BERT's layout: `[CLS] A [SEP]`, or `[CLS] A [SEP] B [SEP]` with 1 as the type of the second half.
struct BertProcessing: PostProcessor {
  static let type = "BertProcessing"

  private let sep: NamedToken
  private let cls: NamedToken

  init(_ fields: StepFields) throws {
    sep = try NamedToken(fields, "sep")
    cls = try NamedToken(fields, "cls")
  }

  init(cls: (token: String, id: Int32), sep: (token: String, id: Int32)) {
    self.cls = NamedToken(token: cls.token, id: cls.id)
    self.sep = NamedToken(token: sep.token, id: sep.id)
  }

  var fields: [String: JSONValue] { ["sep": sep.json, "cls": cls.json] }

  var single: [TemplatePiece]? {
    [cls.piece(typeID: 0), .sequence(isSecond: false, typeID: 0), sep.piece(typeID: 0)]
  }

  var pair: [TemplatePiece]? {
    (single ?? []) + [.sequence(isSecond: true, typeID: 1), sep.piece(typeID: 1)]
  }
}

/// A token with its id, written `["[SEP]", 102]`.
struct NamedToken: Sendable {
  let token: String
  let id: Int32

  init(token: String, id: Int32) {
    self.token = token
    self.id = id
  }

  init(_ fields: StepFields, _ name: String) throws {
    let pair = try fields.array(name)
    guard pair.count == 2, let token = pair[0].stringValue,
      let id = pair[1].intValue.flatMap(Int32.init(exactly:)),
      id >= 0
    else { throw fields.malformed(name, "is not a token and its id") }
    self.init(token: token, id: id)
  }

  var json: JSONValue { .array([.string(token), .int(Int(id))]) }

  func piece(typeID: Int32) -> TemplatePiece { .special(ids: [id], typeID: typeID) }
}
