/// What went wrong inside while a request was answered: nothing that its sender could mend.
public struct EngineFailure: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}
