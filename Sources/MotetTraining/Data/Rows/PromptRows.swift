import MotetTokenizers

/// Prompts that are to be answered, read by the same rules as rows to train on, but without their responses.
public struct PromptRows: Sendable {
  public struct Row: Sendable, Equatable {
    /// What is to be answered: it ends with the user's turn.
    public var conversation: [ChatMessage]
    /// The mix that is to answer it, when the row has its own `mix`.
    public var mix: String?
    /// Where it stands in its file, counted from 1.
    public var line: Int

    public init(conversation: [ChatMessage], mix: String? = nil, line: Int = 0) {
      self.conversation = conversation
      self.mix = mix
      self.line = line
    }

    /// The last question, which routers look at.
    public var prompt: String { conversation.last { $0.role == "user" }?.content ?? "" }
  }

  public let rows: [Row]
  /// What was not used, or not taken as it stands.
  public let notes: [String]

  /// Reads JSONL, JSON, CSV, TSV, plain or gzip, or text with a prompt a line.
  /// - Parameter encoder: of the base that answers: conversations that are written out in its template are read as such
  /// - Throws: ``DatasetError`` with the file and the row
  public init(
    contentsOf path: String, columns: RowColumns = RowColumns(), for encoder: RowEncoder? = nil
  ) throws {
    let reading = RowReading(columns: columns, isForPrompts: true)
    let file = try DataFile(path, reading: reading)
    var scanner = try RowScanner(file.open(), layout: file.layout)
    var rows: [Row] = []
    var notes = RowNotes()
    while let scanned = try scanner.next() {
      let parsed = try ParsedRow(scanned, of: file, reading: reading)
      let (row, remarks) =
        try encoder?.resolved(parsed.row, file: file.path, isPrompt: true) ?? (parsed.row, [])
      notes.add(parsed, remarks, line: scanned.line)
      let conversation = row.toBeAnswered
      guard conversation.last.map({ !$0.content.allSatisfy(\.isWhitespace) }) == true else {
        throw DatasetError.malformed(file: file.path, line: scanned.line, problem: "the prompt is empty")
      }
      rows.append(Row(conversation: conversation, mix: parsed.mix, line: scanned.line))
    }
    guard !rows.isEmpty else { throw DatasetError.empty(file: file.path) }
    self.rows = rows
    self.notes = (file.notes + notes.remarkLines).map { "\(file.path): \($0)" }
  }
}

extension DatasetRow {
  /// The turns before the last response; a text is the user's.
  fileprivate var toBeAnswered: [ChatMessage] {
    switch content {
    case .text(let text): return [ChatMessage(role: "user", content: text)]
    case .messages(let turns):
      guard let asked = turns.lastIndex(where: { $0.role != "assistant" }) else { return [] }
      return Array(turns[...asked])
    }
  }
}
