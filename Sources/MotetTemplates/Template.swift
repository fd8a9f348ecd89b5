import Foundation

/// A template in the language of jinja2, as models ship them for conversations.
///
///     let template = try Template("{% for m in messages %}{{ m.role }}: {{ m.content | trim }}\n{% endfor %}")
///     let messages = try TemplateValue(json: #"[{"role": "user", "content": " Hi "}]"#)
///     try template.render(["messages": messages]).string     // "user: Hi\n"
///
/// What it writes is what `transformers` writes with the same template: `ImmutableSandboxedEnvironment` with
/// `trim_blocks`, `lstrip_blocks`, `loopcontrols`, `{% generation %}`, `tojson`, `raise_exception` and `strftime_now`.
/// What it cannot read, such as `{% import %}`, is an error that names it. A template can neither change the values it is
/// given, nor read files, nor run for ever: see ``TemplateLimits``.
///
/// Source: jinja.palletsprojects.com/templates; `transformers.utils.chat_template_utils`.
public struct Template: Sendable {
  private let block: Block
  /// Whether it says by `{% generation %}` what the model writes itself.
  public let hasGeneration: Bool

  /// - Throws: ``TemplateError`` with the line and the column of what cannot be read
  public init(_ source: String) throws {
    var lexer = Lexer(source)
    var parser = Parser(try lexer.tokenize())
    block = try parser.template()
    hasGeneration = parser.hasGeneration
  }

  /// The text that the template makes of `variables`, with the origin of every stretch.
  ///
  /// - Parameters:
  ///   - now: what `strftime_now` tells
  /// - Throws: ``TemplateError`` with the line and the column of what failed
  public func render(
    _ variables: [String: TemplateValue], limits: TemplateLimits = TemplateLimits(), now: Date = Date()
  ) throws -> TemplateText {
    let rendering = Rendering(limits: limits, now: now)
    defer { rendering.end() }
    var output = TemplateText()
    do {
      _ = try block.execute(in: Scope(rendering, variables: variables), into: &output)
    } catch let problem as TemplateProblem {
      throw problem.error(at: rendering.place)
    }
    return output
  }
}
