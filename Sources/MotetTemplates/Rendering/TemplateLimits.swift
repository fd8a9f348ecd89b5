/// How much a template may use while it renders.
///
/// A template comes with a model that somebody else made: one that does not end or that fills the memory must be an
/// error. The defaults are far above what templates of real models need: a conversation of a thousand turns takes
/// about 100,000 steps.
public struct TemplateLimits: Sendable, Equatable {
  /// Nodes evaluated, elements compared and the like; 20 million take about two seconds.
  public var steps = 20_000_000
  /// The bytes of one string, the rendered text included.
  public var text = 32 << 20
  /// The bytes of all strings and lists that are made on the way.
  public var memory = 256 << 20
  /// Expressions and statements within one another, those of called macros included.
  public var nesting = 250

  /// The numbers of one `range`, as in the sandbox of jinja2 (`MAX_RANGE`).
  static let range = 100_000

  public init() {}

  /// The limits for a conversation of `bytes`: a long one may take more.
  public init(conversation bytes: Int) {
    let bytes = min(max(0, bytes), 1 << 32)
    steps += 8 * bytes
    text += 8 * bytes
    memory += 256 * bytes
  }

  /// - Throws: ``TemplateProblem`` for a string of more bytes than are allowed
  func check(text bytes: Int) throws {
    guard bytes <= text else { throw TemplateProblem.limit("a string would have more than \(text) bytes") }
  }
}
