import MotetFormats

/// A layout written out piece by piece: `[CLS] $A [SEP] $B:1 [SEP]:1`.
struct TemplateProcessing: PostProcessor {
  static let type = "TemplateProcessing"

  private let layout: TextLayout
  let fields: [String: JSONValue]

  var single: [TemplatePiece]? { layout.single }
  var pair: [TemplatePiece]? { layout.pair }

  init(_ fields: StepFields) throws {
    var tokens: [String: [Int32]] = [:]
    let special = try fields.object("special_tokens")
    for name in special.members.keys {
      tokens[name] = try special.object(name).array("ids").map { id in
        guard let id = id.intValue, let id = Int32(exactly: id), id >= 0 else {
          throw special.malformed(name, "has an id that is not a whole number of 0 or more")
        }
        return id
      }
    }
    func pieces(_ name: String) throws -> [TemplatePiece] {
      try fields.list(name).map { piece in
        if piece.present("SpecialToken") != nil {
          let token = try piece.object("SpecialToken")
          let id = try token.string("id")
          guard let ids = tokens[id] else {
            throw token.malformed("id", "is '\(id)', which special_tokens lacks")
          }
          return .special(ids: ids, typeID: Int32(try token.count("type_id")))
        }
        let sequence = try piece.object("Sequence")
        let id = try sequence.string("id")
        guard id == "A" || id == "B" else { throw sequence.malformed("id", "is neither A nor B") }
        return .sequence(isSecond: id == "B", typeID: Int32(try sequence.count("type_id")))
      }
    }
    var layout = TextLayout()
    layout.single = try pieces("single")
    layout.pair = try pieces("pair")
    guard !layout.single.contains(where: { if case .sequence(true, _) = $0 { true } else { false } }) else {
      throw fields.malformed("single", "names the second text")
    }
    self.layout = layout
    self.fields = fields.members.filter { $0.key != "type" }
  }

  /// The tokens of the beginning and the end around every text, as `LlamaTokenizer` of `transformers` lays them out.
  init(beginning: (token: String, id: Int32)?, end: (token: String, id: Int32)?) {
    func piece(_ token: (token: String, id: Int32)?, type: Int32) -> [(TemplatePiece, JSONValue)] {
      guard let token else { return [] }
      return [
        (
          .special(ids: [token.id], typeID: type),
          .object(["SpecialToken": .object(["id": .string(token.token), "type_id": .int(Int(type))])])
        )
      ]
    }
    func text(_ isSecond: Bool, type: Int32) -> [(TemplatePiece, JSONValue)] {
      let id = JSONValue.string(isSecond ? "B" : "A")
      return [
        (
          .sequence(isSecond: isSecond, typeID: type),
          .object(["Sequence": .object(["id": id, "type_id": .int(Int(type))])])
        )
      ]
    }
    let single = piece(beginning, type: 0) + text(false, type: 0) + piece(end, type: 0)
    let pair = single + piece(beginning, type: 1) + text(true, type: 1) + piece(end, type: 1)
    var layout = TextLayout()
    layout.single = single.map(\.0)
    layout.pair = pair.map(\.0)
    self.layout = layout
    var tokens: [String: JSONValue] = [:]
    for token in [beginning, end].compactMap({ $0 }) {
      tokens[token.token] = .object([
        "id": .string(token.token), "ids": .array([.int(Int(token.id))]),
        "tokens": .array([.string(token.token)]),
      ])
    }
    fields = [
      "single": .array(single.map(\.1)), "pair": .array(pair.map(\.1)), "special_tokens": .object(tokens),
    ]
  }
}
