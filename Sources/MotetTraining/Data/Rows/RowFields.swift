import MotetFormats
import MotetTokenizers

/// The members of a row's object, read as one of the shapes that rows have.
struct RowFields {
  /// Fields that have a value: null counts as absent.
  let members: [WrittenJSON.Member]
  let byName: [String: WrittenJSON]
  private let file: String
  private let line: Int
  let reading: RowReading
  var used: Set<String> = []
  private(set) var shape = ""
  private(set) var remarks: Set<RowRemark> = []

  init(_ members: [WrittenJSON.Member], file: String, line: Int, reading: RowReading) {
    let present = members.filter { $0.value != .null }
    let names = Set(present.map(\.name))
    // `Question` is found as `question` is.
    self.members = present.map { member in
      let plain = member.name.lowercased()
      let isMeant =
        RowColumns.knownNames.contains(plain) && !names.contains(plain)
        && !reading.columns.names.contains(member.name) && reading.groupField != member.name
      return isMeant ? .init(name: plain, value: member.value) : member
    }
    byName = Dictionary(self.members.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    self.file = file
    self.line = line
    self.reading = reading
  }

  var columns: RowColumns { reading.columns }

  func failure(_ problem: String) -> DatasetError {
    .malformed(file: file, line: line, problem: problem)
  }

  // MARK: Shapes

  mutating func row() throws -> DatasetRow {
    try checkNames()
    if let tools = ["tools", "functions"].first(where: { byName[$0].map(Self.isEmpty) == false }) {
      throw failure(
        "it has \"\(tools)\": tools are not trained yet, so leave such rows out or drop the column")
    }
    let isPair = columns[.prompt] != nil || columns[.response] != nil
    if !isPair, columns[.text] == nil, columns[.label] == nil,
      let name = columns[.messages] ?? RowColumns.conversations.first(where: { byName[$0] != nil })
    {
      return try conversation(name)
    }
    if isPair || columns[.text] == nil && columns[.label] == nil,
      let (prompt, response) = try pairNames()
    {
      return try pair(prompt, response)
    }
    let text = columns[.text] ?? "text"
    let label = columns[.label] ?? "label"
    if byName[text] != nil, byName[label] != nil {
      return try pair(text, label)
    }
    if byName[text] != nil { return try plainText(text) }
    throw failure(
      "none of prompt/response, prompt/completion, messages, conversations, instruction/output, question/answer, "
        + "query/response, input/output, text is there"
        + (members.isEmpty ? "" : "; its columns are \(listed): name them with --columns prompt=…,response=…")
    )
  }

  /// Columns that `--columns` names must be there, those that may be left out apart.
  private func checkNames() throws {
    let optional: Set<RowColumns.Role> = [.system, .context, .history]
    for role in RowColumns.Role.allCases where !optional.contains(role) {
      guard let name = columns[role], byName[name] == nil else { continue }
      if reading.isForPrompts, role == .response || role == .label { continue }
      throw failure("\"\(name)\" is missing (--columns \(role.rawValue)=\(name)); its columns are \(listed)")
    }
  }

  private var listed: String {
    let names = members.map(\.name)
    return names.isEmpty ? "none" : names.prefix(12).joined(separator: ", ") + (names.count > 12 ? ", …" : "")
  }

  /// The columns of a prompt and its response; the response may be nil when none is needed.
  private func pairNames() throws -> (prompt: String, response: String?)? {
    let known = RowColumns.pairs
    let prompt: String
    if let named = columns[.prompt] {
      prompt = named
    } else if let found = known.first(where: { byName[$0.prompt] != nil && $0.prompt != columns[.response] })
    {
      prompt = found.prompt
    } else {
      guard
        let response = columns[.response] ?? known.flatMap(\.responses).first(where: { byName[$0] != nil })
      else { return nil }
      if byName["text"] != nil, columns[.response] == nil { return nil }
      throw failure("a prompt is missing beside \"\(response)\"; its columns are \(listed)")
    }
    let candidates = known.first { $0.prompt == prompt }?.responses ?? known.flatMap(\.responses)
    let response =
      columns[.response] ?? candidates.first { byName[$0] != nil && $0 != prompt && $0 != columns[.context] }
    if response == nil, !reading.isForPrompts {
      // A bare input beside a text is one of its other columns.
      if prompt == "input", columns[.prompt] == nil, byName["text"] != nil { return nil }
      throw failure("\"\(candidates.first ?? "response")\" is missing; its columns are \(listed)")
    }
    return (prompt, response)
  }

  private mutating func pair(_ prompt: String, _ response: String?) throws -> DatasetRow {
    used.insert(prompt)
    if let response { used.insert(response) }
    var names = [prompt]
    var turns: [ChatMessage] = []
    var row = DatasetRow(.messages([]), line: line)
    if case .array(let list)? = byName[prompt], list.contains(where: \.isTurn) {
      let read = try RowTurns(list, in: self, name: prompt)
      (turns, row.untrainedTurns) = (read.messages, read.untrained)
      remarks.formUnion(read.remarks)
    } else {
      var text = try text(prompt)
      if text.allSatisfy(\.isWhitespace) { throw failure("the prompt is empty") }
      if let context = contextName(beside: [prompt, response]) {
        used.insert(context)
        names.append(context)
        let more = try self.text(context)
        if !more.allSatisfy(\.isWhitespace) { text += "\n\n" + more }
      }
      turns = [ChatMessage(role: "user", content: text)]
    }
    let (before, system) = try introduction(turns)
    row.untrainedTurns = Set(row.untrainedTurns.map { $0 + before.count })
    turns = before + turns
    if let response, byName[response] != nil {
      names.append(response)
      try append(response, to: &turns, of: &row)
    }
    row.content = .messages(turns)
    shape =
      names.joined(separator: "/") + (system.isEmpty ? "" : " with \(system.joined(separator: " and "))")
    return row
  }

  /// The response: a text, the first of several right ones, or turns.
  private mutating func append(_ name: String, to turns: inout [ChatMessage], of row: inout DatasetRow) throws
  {
    if case .array(let list)? = byName[name], list.contains(where: \.isTurn) {
      let read = try RowTurns(list, in: self, name: name)
      row.untrainedTurns.formUnion(read.untrained.map { $0 + turns.count })
      turns += read.messages
      remarks.formUnion(read.remarks)
      guard turns.last?.role == "assistant" else {
        throw failure("\"\(name)\" does not end with the assistant's turn")
      }
      return
    }
    var response: String
    if case .array(let list)? = byName[name], let accepted = Self.texts(list) {
      response = accepted.first ?? ""
      if accepted.count > 1 {
        row.acceptedResponses = accepted
        remarks.insert(.severalResponses)
      }
    } else {
      response = try text(name)
    }
    if response.allSatisfy(\.isWhitespace) {
      if reading.isForPrompts { return }
      throw failure("the response is empty")
    }
    turns.append(ChatMessage(role: "assistant", content: response))
  }

  private mutating func plainText(_ name: String) throws -> DatasetRow {
    used.insert(name)
    let plain = try text(name)
    guard !plain.isEmpty else { throw failure("the text is empty") }
    shape = name
    if reading.isForPrompts {
      guard !plain.allSatisfy(\.isWhitespace) else { throw failure("the prompt is empty") }
    }
    return DatasetRow(.text(plain), line: line)
  }

  private mutating func conversation(_ name: String) throws -> DatasetRow {
    used.insert(name)
    let read = try RowTurns(turns(name), in: self, name: name)
    let (before, beside) = try introduction(read.messages)
    var row = DatasetRow(.messages(before + read.messages), line: line)
    row.untrainedTurns = Set(read.untrained.map { $0 + before.count })
    remarks.formUnion(read.remarks)
    shape = name + (beside.isEmpty ? "" : " with \(beside.joined(separator: " and "))")
    let responses = read.messages.filter { $0.role == "assistant" }
    if responses.isEmpty, !reading.isForPrompts { throw failure("no message is the assistant's") }
    if read.messages.last?.role == "user", !reading.isForPrompts { remarks.insert(.endsUnanswered) }
    return row
  }

  /// A conversation's list, or the list that a cell of a table holds as JSON.
  private func turns(_ name: String) throws -> [WrittenJSON] {
    switch byName[name] {
    case .array(let list): return list
    case .string(let text):
      var text = text
      let value = text.withUTF8 { try? WrittenJSON(parsing: UnsafeRawBufferPointer($0), named: name) }
      if case .array(let list)? = value { return list }
      throw failure("\"\(name)\" is text, and not a list of turns in JSON")
    default: throw failure("\"\(name)\" is not a list of turns")
    }
  }

  // MARK: What goes before

  /// The system turn and the earlier turns that stand in columns of their own, and what these are called.
  private mutating func introduction(
    _ turns: [ChatMessage]
  ) throws -> (turns: [ChatMessage], names: [String]) {
    var before: [ChatMessage] = []
    var names: [String] = []
    if let name = columns[.system] ?? RowColumns.systems.first(where: { byName[$0] != nil }),
      byName[name] != nil
    {
      used.insert(name)
      names.append(name)
      let system = try text(name)
      if let first = turns.first, first.role == "system" {
        if !system.allSatisfy(\.isWhitespace), first.content != system {
          throw failure("it has \"\(name)\" and its turns begin with another system turn: keep one")
        }
      } else if !system.allSatisfy(\.isWhitespace) {
        before.append(ChatMessage(role: "system", content: system))
      }
    }
    if let name = columns[.history] ?? (byName["history"] != nil ? "history" : nil), let value = byName[name],
      !Self.isEmpty(value)
    {
      used.insert(name)
      names.append(name)
      let read = try RowTurns(history: self.turns(name), in: self, name: name)
      before += read.messages
      remarks.formUnion(read.remarks)
    } else if byName["history"].map(Self.isEmpty) == true {
      used.insert("history")
    }
    return (before, names)
  }

  /// The column whose text goes into the prompt.
  private func contextName(beside others: [String?]) -> String? {
    if let named = columns[.context] { return byName[named] == nil ? nil : named }
    return RowColumns.contexts.first { name in
      byName[name] != nil && !others.contains(name) && !columns.names.contains(name)
    }
  }
}
