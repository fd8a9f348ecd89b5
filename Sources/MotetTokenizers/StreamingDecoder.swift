/// Turns token ids into text one at a time, for printing while a model generates.
///
///     var decoder = StreamingDecoder(tokenizer)
///     for id in ids { print(decoder.append(id), terminator: "") }
///     print(decoder.finish())
///
/// What the next tokens may still change is held back: a character whose bytes are spread over several tokens, a run of
/// byte tokens, the end of a word that may be the text's. All that is returned, `finish()` included, put end to end is what
/// ``Tokenizer/decode(_:skippingSpecialTokens:)`` gives for all the ids.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skippingSpecialTokens: Bool
  /// The steps of decoding; nil when the bytes of the tokens are the text.
  private var running: DecodingChain.Running?
  private var characters = CharacterBuffer()

  public init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool = false) {
    self.tokenizer = tokenizer
    self.skippingSpecialTokens = skippingSpecialTokens
    running = tokenizer.decoding.isByteLevel ? nil : tokenizer.decoding.begin()
  }

  /// Whether something began that is not yet returned.
  package var isHolding: Bool { characters.isHolding || running?.isHolding == true }

  /// The text that `id` completes; empty when it only adds part of a character.
  public mutating func append(_ id: Int32) -> String {
    if skippingSpecialTokens, tokenizer.isSkipped(id) { return "" }
    guard running != nil else { return characters.append(tokenizer.bytes(of: id)) }
    guard let form = tokenizer.decodedForm(of: id) else { return "" }
    return characters.append(running?.append(form) ?? [])
  }

  /// What is left at the end: nothing, what was held back, or U+FFFD for a character that was never finished.
  public mutating func finish() -> String {
    let rest = running?.finish() ?? []
    if running != nil { running = tokenizer.decoding.begin() }
    return characters.append(rest) + characters.finish()
  }
}
