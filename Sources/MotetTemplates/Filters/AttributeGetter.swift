/// Follows a path of attributes, such as `function.name` or `parts.0`, as the argument `attribute` of filters gives it.
struct AttributeGetter {
  private let parts: [TemplateValue]
  private let defaultValue: TemplateValue?

  /// - Parameters:
  ///   - attribute: a path or the number of an element; nil: the value itself
  ///   - defaultValue: what takes the place of parts that are undefined
  init(_ attribute: TemplateValue?, default defaultValue: TemplateValue? = nil) throws {
    self.defaultValue = defaultValue
    switch attribute {
    case nil: parts = []
    case .text(let path)?: parts = Self.parts(of: path)
    case let other?: parts = [other]
    }
  }

  func value(of element: TemplateValue, in rendering: Rendering) throws -> TemplateValue {
    var value = element
    for part in parts {
      value = try rendering.element(part, of: value)
      if let defaultValue, value.isUndefined { value = defaultValue }
    }
    return value
  }

  /// One getter for each of several paths with commas between them.
  static func several(_ attribute: TemplateValue?) throws -> [AttributeGetter] {
    guard case .text(let paths)? = attribute else { return [try AttributeGetter(attribute)] }
    return try paths.parts(between: paths.ranges(of: TemplateText(",", .content))).map {
      try AttributeGetter(.text($0))
    }
  }

  private static func parts(of path: TemplateText) -> [TemplateValue] {
    path.parts(between: path.ranges(of: TemplateText(".", .content))).map { part in
      Int(part.string).flatMap { $0 >= 0 ? .int($0) : nil } ?? .text(part)
    }
  }
}

extension TemplateValue {
  /// The value to sort or compare by: strings in lower case, unless case counts.
  func ignoringCase(_ ignores: Bool, in rendering: Rendering) throws -> TemplateValue {
    guard ignores, case .text(let text) = self else { return self }
    return try rendering.made(text.lowercased)
  }
}
