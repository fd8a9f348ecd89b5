/// A stretch of a text, and whether special tokens written in it count as such.
public struct TextPart: Sendable, Equatable {
  public var text: String
  /// Whether `<|im_end|>` in the text is the special token, or the ten characters it is written with.
  public var parsesSpecialTokens: Bool

  public init(_ text: String, parsesSpecialTokens: Bool) {
    self.text = text
    self.parsesSpecialTokens = parsesSpecialTokens
  }
}

/// A token and the place in the text at which it starts.
public struct PlacedToken: Sendable, Equatable {
  public var id: Int32
  /// The offset in UTF-8 bytes. A token that starts inside a character has the offset of that character's first byte.
  public var start: Int

  public init(id: Int32, start: Int) {
    self.id = id
    self.start = start
  }
}
