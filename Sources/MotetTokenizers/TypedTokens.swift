/// Tokens, each with the type that says which text it belongs to: what an encoder such as BERT reads.
public struct TypedTokens: Sendable, Equatable {
  public private(set) var ids: [Int32] = []
  /// As many as ``ids``.
  public private(set) var typeIDs: [Int32] = []

  mutating func append(_ more: [Int32], typeID: Int32) {
    ids += more
    typeIDs += Array(repeating: typeID, count: more.count)
  }
}
