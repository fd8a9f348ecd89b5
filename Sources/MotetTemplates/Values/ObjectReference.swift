/// An object with state, by its place in the rendering that it belongs to.
///
/// Values hold the place and not the object: a namespace that holds itself is no cycle in memory.
public struct ObjectReference: Hashable, Sendable {
  enum Kind: Hashable, Sendable { case namespace, macro, iterator, loop, cycler, joiner }

  let kind: Kind
  let index: Int
}

/// A function of the template language, or a method together with the value it is called on.
public final class Callable: Sendable {
  let name: String
  let operation: Operation
  /// What the method was taken from.
  let receiver: [TemplateValue]
  let depth: Int

  /// A function that belongs to no value.
  init(_ name: String, _ operation: Operation) {
    self.name = name
    self.operation = operation
    receiver = []
    depth = 0
  }

  /// A method of `receiver`.
  /// - Throws: ``TemplateProblem`` when the receiver is nested too deeply
  init(_ name: String, _ operation: Operation, of receiver: TemplateValue) throws {
    self.name = name
    self.operation = operation
    self.receiver = [receiver]
    depth = try Nesting.depth(of: self.receiver)
  }
}
