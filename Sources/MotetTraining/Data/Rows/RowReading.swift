/// What is known of rows before they are read.
struct RowReading: Sendable, Equatable {
  var columns = RowColumns()
  /// The field that ``ParsedRow/group`` is read from.
  var groupField: String?
  /// Whether the rows are prompts to be answered: they need no response, may be bare texts, and may have a `mix`.
  var isForPrompts = false
}
