// Objects: after each member the names that may come next are one tree, which shares its branches with the trees after
// later members, so that an object of thousands of optional members has few places at a time.
extension ByteGraph {
  mutating func layObject(_ form: ByteExpression.ObjectForm, from: Int32, to: Int32) throws {
    let opened = try add()
    connect(from, UInt8(ascii: "{"), opened)
    let closing = try add()
    try lay(.sequence([form.white, .text("}")]), from: closing, to: to)
    // The names that may come next, and whether the object may end instead: from the last member to the first.
    var names: Int32?
    var mayEnd = true
    if let additional = form.additional {
      let root = try add()
      try layOtherMembers(form, additional, from: root, closing: closing)
      names = root
    }
    for member in form.members.reversed() {
      let after = try add()
      if mayEnd { alias(after, closing) }
      if let names { try layComma(form, from: after, to: names) }
      let value = try add()
      try lay(.sequence([form.white, member.value]), from: value, to: after)
      let tree = member.isRequired ? nil : names
      names = try insert(member.name + [UInt8(ascii: ":")], leadingTo: value, into: tree)
      if member.isRequired { mayEnd = false }
    }
    if mayEnd { alias(opened, closing) }
    if let names { try lay(form.white, from: opened, to: names) }
  }

  private mutating func layComma(
    _ form: ByteExpression.ObjectForm, from: Int32, to: Int32
  ) throws {
    let comma = try add()
    connect(from, UInt8(ascii: ","), comma)
    try lay(form.white, from: comma, to: to)
  }

  /// A tree with one more name; the one before stays as it is.
  private mutating func insert(_ name: [UInt8], leadingTo value: Int32, into tree: Int32?) throws -> Int32 {
    let root = try tree.map { try copy($0) } ?? add()
    var node = root
    for byte in name.dropLast() {
      if let known = child(of: node, byte) {
        let own = try copy(known)
        redirect(node, byte, to: own)
        node = own
      } else {
        let new = try add()
        connect(node, byte, new)
        node = new
      }
    }
    connect(node, name[name.count - 1], value)
    return root
  }

  /// Members whose names are none of the declared ones, as many as are wanted.
  private mutating func layOtherMembers(
    _ form: ByteExpression.ObjectForm, _ value: ByteExpression, from: Int32, closing: Int32
  ) throws {
    let after = try add()
    alias(after, closing)
    try layComma(form, from: after, to: from)
    let colon = try add()
    try layOtherNames(form, from: from, to: colon)
    try lay(.sequence([.text(":"), form.white, value]), from: colon, to: after)
  }

  /// What a byte of a name may be after those before it.
  private enum Reading: Hashable {
    case character
    /// So many more bytes of a character, the next one of this range.
    case inside(Int, low: UInt8, high: UInt8)
    /// So many more bytes of an escape; nil before its letter.
    case escape(Int?)

    func after(_ byte: UInt8) -> Reading {
      switch self {
      case .character:
        if byte == UInt8(ascii: "\\") { return .escape(nil) }
        return ByteGraph.leads.first { $0.bytes.contains(byte) }?.reading ?? .character
      case .inside(1, _, _): return .character
      case .inside(let count, _, _): return .inside(count - 1, low: 0x80, high: 0xBF)
      case .escape(nil): return byte == UInt8(ascii: "u") ? .escape(4) : .character
      case .escape(let count?): return count == 1 ? .character : .escape(count - 1)
      }
    }
  }

  /// The first bytes of characters of several (Unicode standard, table 3-7).
  private static let leads: [(bytes: ByteSet, reading: Reading)] = [
    (ByteSet(0xC2...0xDF), .inside(1, low: 0x80, high: 0xBF)),
    (ByteSet(0xE0...0xE0), .inside(2, low: 0xA0, high: 0xBF)),
    (ByteSet(0xE1...0xEC, 0xEE...0xEF), .inside(2, low: 0x80, high: 0xBF)),
    (ByteSet(0xED...0xED), .inside(2, low: 0x80, high: 0x9F)),
    (ByteSet(0xF0...0xF0), .inside(3, low: 0x90, high: 0xBF)),
    (ByteSet(0xF1...0xF3), .inside(3, low: 0x80, high: 0xBF)),
    (ByteSet(0xF4...0xF4), .inside(3, low: 0x80, high: 0x8F)),
  ]
  /// Characters that need no escape, except DEL, which a declared name writes as one.
  private static let plain = ByteSet(0x20...0x21, 0x23...0x5B, 0x5D...0x7E)

  /// Names that are none of the declared ones, quotation marks included.
  ///
  /// Bytes lead through the declared names as far as they go; whatever leaves them is free from there on. An escape only
  /// comes after that, so that no declared name is written in another form.
  private mutating func layOtherNames(_ form: ByteExpression.ObjectForm, from: Int32, to: Int32) throws {
    let free = try add()
    try lay(form.stringRest, from: free, to: to)
    var loose: [Reading: Int32] = [.character: free]
    func node(_ reading: Reading, _ graph: inout ByteGraph) throws -> Int32 {
      if let known = loose[reading] { return known }
      let new = try graph.add()
      loose[reading] = new
      if case .inside(_, let low, let high) = reading {
        graph.connect(new, ByteSet(low...high), try node(reading.after(low), &graph))
      }
      return new
    }
    let root = try add()
    connect(from, UInt8(ascii: "\""), root)
    var tree: [(node: Int32, reading: Reading, children: ByteSet, isName: Bool)] = [
      (root, .character, ByteSet(), false)
    ]
    var numbers: [Int32: Int] = [root: 0]
    for member in form.members {
      var current = 0
      // Without the quotation marks.
      for byte in member.name.dropFirst().dropLast() {
        try clock.spend()
        if let known = child(of: tree[current].node, byte), let number = numbers[known] {
          current = number
          continue
        }
        let new = try add()
        connect(tree[current].node, byte, new)
        tree[current].children.insert(byte)
        numbers[new] = tree.count
        tree.append((new, tree[current].reading.after(byte), ByteSet(), false))
        current = tree.count - 1
      }
      tree[current].isName = true
    }
    for entry in tree {
      try clock.spend()
      switch entry.reading {
      case .character:
        connect(entry.node, Self.plain.subtracting(entry.children), free)
        for lead in Self.leads {
          connect(entry.node, lead.bytes.subtracting(entry.children), try node(lead.reading, &self))
        }
        if !entry.isName { connect(entry.node, UInt8(ascii: "\""), to) }
      case .inside(_, let low, let high):
        let others = ByteSet(low...high).subtracting(entry.children)
        connect(entry.node, others, try node(entry.reading.after(low), &self))
      case .escape: break
      }
    }
  }
}
