/// An ordered collection: Python's list, and what else has a length and can be gone through again and again.
public final class ListValue: Sendable {
  /// Which of Python's types it is.
  enum Kind: Hashable, Sendable {
    case list, tuple
    /// `range(start, stop, step)`.
    case range(start: Int, stop: Int, step: Int)
    /// What `keys`, `values` and `items` of a mapping give: it has no elements by number.
    case view(String)
    /// A group of the filter `groupby`: a tuple whose parts are also named `grouper` and `list`.
    case group
  }

  let kind: Kind
  public let elements: [TemplateValue]
  let depth: Int

  /// - Throws: ``TemplateProblem`` when the elements are nested too deeply
  init(_ elements: [TemplateValue], _ kind: Kind = .list) throws {
    self.kind = kind
    self.elements = elements
    depth = try Nesting.depth(of: elements)
  }

  /// A list of strings.
  init(_ texts: [TemplateText]) {
    kind = .list
    elements = texts.map { .text($0) }
    depth = 1
  }

  /// A range of numbers.
  init(range numbers: [TemplateValue], start: Int, stop: Int, step: Int) {
    kind = .range(start: start, stop: stop, step: step)
    elements = numbers
    depth = 1
  }

  var count: Int { elements.count }

  /// Whether elements can be asked for by number.
  var hasNumberedElements: Bool { if case .view = kind { false } else { true } }

  var isTuple: Bool { kind == .tuple || kind == .group }
}
