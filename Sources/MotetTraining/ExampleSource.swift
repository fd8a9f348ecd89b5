/// Examples by place, whether they lie in memory or are read from files as they are needed.
public protocol ExampleSource: Sendable {
  var count: Int { get }
  /// Tokens of the example, without making it.
  func tokenCount(at index: Int) -> Int
  /// - Throws: ``DatasetError`` when its file changed since it was first read
  func example(at index: Int) throws -> Example
  /// SHA-256 over the rows' words, in hexadecimal.
  var digest: String { get }
  /// Examples that an epoch holds: ``count``, unless some come more or less often.
  var epochLength: Int { get }
  /// The places of one epoch's examples, ``epochLength`` of them.
  /// - Parameter shuffled: off, they come as they stand
  func epochOrder(using generator: inout some RandomNumberGenerator, shuffled: Bool) -> [Int]
}

extension ExampleSource {
  public var epochLength: Int { count }

  public func epochOrder(using generator: inout some RandomNumberGenerator, shuffled: Bool) -> [Int] {
    shuffled ? (0..<count).shuffled(using: &generator) : Array(0..<count)
  }
}

/// Examples in memory.
public struct ExampleList: ExampleSource {
  public var examples: [Example]
  public let digest: String

  public init(_ examples: [Example], digest: String) {
    self.examples = examples
    self.digest = digest
  }

  public var count: Int { examples.count }
  public func tokenCount(at index: Int) -> Int { examples[index].tokens.count }
  public func example(at index: Int) -> Example { examples[index] }
}
