/// What a text may be, as expressions over bytes and rules that may call one another.
indirect enum ByteExpression: Sendable {
  case bytes(ByteSet)
  case literal([UInt8])
  case sequence([ByteExpression])
  case choice([ByteExpression])
  /// So many times; without an end when `most` is nil.
  case repeated(ByteExpression, least: Int, most: Int?)
  case rule(Int)
  case object(ObjectForm)
  /// An expression and its place in the schema, which errors name.
  case within(String, ByteExpression)

  static let nothing = ByteExpression.literal([])

  static func text(_ text: String) -> ByteExpression { .literal(Array(text.utf8)) }
  static func optional(_ expression: ByteExpression) -> ByteExpression {
    .choice([.nothing, expression])
  }

  /// The members of a JSON object, in their order.
  struct ObjectForm: Sendable {
    struct Member: Sendable {
      /// As JSON writes it, quotation marks included.
      let name: [UInt8]
      let value: ByteExpression
      let isRequired: Bool
    }
    let members: [Member]
    /// The value of members that are not declared; nil if none are allowed.
    let additional: ByteExpression?
    /// What may stand between two parts.
    let white: ByteExpression
    /// The rest of a string, its closing quotation mark included.
    let stringRest: ByteExpression
  }

  /// Whether nothing at all is among its texts. A rule counts as never empty: none that a pattern has is.
  var isNullable: Bool {
    switch self {
    case .bytes, .rule, .object: false
    case .literal(let bytes): bytes.isEmpty
    case .sequence(let parts): parts.allSatisfy(\.isNullable)
    case .choice(let parts): parts.contains(where: \.isNullable)
    case .repeated(let part, let least, _): least == 0 || part.isNullable
    case .within(_, let inner): inner.isNullable
    }
  }

  /// An expression for the same texts except the empty one; nil if only the empty text matches.
  ///
  /// A count of a part that may be empty, such as `(.?){500}`, is the same as up to so many parts that are not: places
  /// in it do not lead through all copies at once.
  var nonempty: ByteExpression? {
    switch self {
    case .bytes, .rule, .object: return self
    case .literal(let bytes): return bytes.isEmpty ? nil : self
    case .sequence(let parts):
      guard isNullable else { return self }
      // By the first part that is not empty.
      let forms = parts.indices.compactMap { index in
        parts[index].nonempty.map { ByteExpression.sequence([$0] + parts[(index + 1)...]) }
      }
      return Self.oneOf(forms)
    case .choice(let parts): return Self.oneOf(parts.compactMap(\.nonempty))
    case .repeated(let part, let least, let most):
      guard most != 0 else { return nil }
      if part.isNullable {
        return part.nonempty.map { .repeated($0, least: 1, most: most) }
      }
      return least > 0 ? self : .repeated(part, least: 1, most: most)
    case .within(let place, let inner): return inner.nonempty.map { .within(place, $0) }
    }
  }

  private static func oneOf(_ forms: [ByteExpression]) -> ByteExpression? {
    forms.count > 1 ? .choice(forms) : forms.first
  }

  /// Its literal beginning and what follows it.
  var split: (prefix: [UInt8], rest: [ByteExpression]) {
    switch self {
    case .literal(let bytes): return (bytes, [])
    case .within(let place, let inner):
      let (prefix, rest) = inner.split
      if prefix.isEmpty { return ([], [self]) }
      return (prefix, rest.isEmpty ? [] : [.within(place, .sequence(rest))])
    case .sequence(let parts):
      var prefix: [UInt8] = []
      for (index, part) in parts.enumerated() {
        let (more, rest) = part.split
        prefix += more
        if !rest.isEmpty { return (prefix, rest + parts[(index + 1)...]) }
      }
      return (prefix, [])
    default: return ([], [self])
    }
  }
}
