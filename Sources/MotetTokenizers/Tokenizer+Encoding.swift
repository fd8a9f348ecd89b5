extension Tokenizer {
  /// The tokens of `text`. Linear in its length, also for a run of white space, but for other words of many thousand
  /// letters (n log n).
  ///
  /// - Parameters:
  ///   - text: any text. What a byte-level vocabulary has no token for is left out (SmolLM2 lacks the control characters
  ///     U+0004, 06, 13, 14, 16 and 1D), as in Hugging Face `tokenizers`.
  ///   - parsingSpecialTokens: whether `<|im_end|>` in the text is the special token, as it is by default
  ///     in Hugging Face `tokenizers`, or the ten characters it is written with. Never pass true for text
  ///     that a user wrote.
  ///   - addingSpecialTokens: whether the tokens are added that the post-processor puts around a text
  public func encode(
    _ text: String, parsingSpecialTokens: Bool = false, addingSpecialTokens: Bool = false
  ) -> [Int32] {
    let ids = output(text, keepsStarts: false) { _ in parsingSpecialTokens }.ids
    guard addingSpecialTokens, layout.addsTokens else { return ids }
    return layout.single.flatMap { piece in
      switch piece {
      case .special(let ids, _): ids
      case .sequence: ids
      }
    }
  }

  /// The tokens of several stretches that make one text, each with the place at which it starts.
  ///
  /// The stretches are cut into words as one text: there is no seam between two of them, unless a special token
  /// stands there. Special tokens are found only within parts that parse them (neighbouring parts that do count as one).
  ///
  /// - Parameters:
  ///   - parts: the stretches in their order
  ///   - addingSpecialTokens: whether the tokens are added that the post-processor puts around a text; those before it
  ///     start at its beginning, those after it at its end
  public func encode(_ parts: [TextPart], addingSpecialTokens: Bool = false) -> [PlacedToken] {
    var text = ""
    var runs: [(end: Int, parses: Bool)] = []
    for part in parts where !part.text.isEmpty {
      text += part.text
      if runs.last?.parses == part.parsesSpecialTokens { runs.removeLast() }
      runs.append((text.utf8.count, part.parsesSpecialTokens))
    }
    let output = output(text, keepsStarts: true) { range in
      var (low, high) = (0, runs.count)
      while low < high {
        let middle = (low + high) / 2
        if runs[middle].end <= range.lowerBound { low = middle + 1 } else { high = middle }
      }
      guard low < runs.count else { return false }
      return range.upperBound <= runs[low].end ? runs[low].parses : nil
    }
    let placed = zip(output.ids, output.starts).map { PlacedToken(id: $0, start: $1) }
    guard addingSpecialTokens, layout.addsTokens else { return placed }
    var result: [PlacedToken] = []
    var start = 0
    for piece in layout.single {
      switch piece {
      case .special(let ids, _): result += ids.map { PlacedToken(id: $0, start: start) }
      case .sequence:
        result += placed
        start = text.utf8.count
      }
    }
    return result
  }

  /// The tokens of a text, or of two that belong together, laid out as an encoder such as BERT reads them.
  ///
  /// - Parameters:
  ///   - first: the text
  ///   - second: the text beside it, such as an answer beside a question; nil for none
  ///   - parsingSpecialTokens: see ``encode(_:parsingSpecialTokens:addingSpecialTokens:)``
  ///   - addingSpecialTokens: whether the tokens are added that the post-processor puts around texts
  public func encode(
    _ first: String, with second: String?, parsingSpecialTokens: Bool = false,
    addingSpecialTokens: Bool = true
  ) -> TypedTokens {
    let texts = [first, second].compactMap { $0 }.map { text in
      output(text, keepsStarts: false) { _ in parsingSpecialTokens }.ids
    }
    var result = TypedTokens()
    for piece in second == nil ? layout.single : layout.pair {
      switch piece {
      case .special(let ids, let typeID): if addingSpecialTokens { result.append(ids, typeID: typeID) }
      case .sequence(let isSecond, let typeID):
        if !isSecond || texts.count > 1 { result.append(texts[isSecond ? 1 : 0], typeID: typeID) }
      }
    }
    return result
  }

  /// How many tokens `text` has at the least, special ones not parsed: its bytes divided by those of the longest token;
  /// 0 when a step may leave any amount of text out. Told in a small part of the time that
  /// ``encode(_:parsingSpecialTokens:addingSpecialTokens:)`` takes, so that a text that cannot fit is not encoded.
  public func fewestTokens(in text: String) -> Int {
    guard mostBytesInToken > 0 else { return 0 }
    var text = text
    return text.withUTF8 { utf8 in
      // A byte that the vocabulary lacks is left out of the tokens.
      let isByteLevel = splitters.last is ByteLevelSplitter
      let kept = (isByteLevel ? model as? BytePairModel : nil)?.countKept(of: utf8) ?? utf8.count
      return (kept + mostBytesInToken - 1) / mostBytesInToken
    }
  }

  /// The first special ("control") token that is written out in `text`, such as `<|im_end|>`; nil when none is.
  public func specialToken(writtenIn text: String) -> String? {
    var text = text
    return text.withUTF8 { utf8 in
      var found: AddedToken?
      forEachStretch(of: utf8) { _ in
        true
      } token: { token, _ in
        if found == nil, token.isSpecial { found = token }
      } text: { stretch in
        if found == nil, !added.normalized.isEmpty {
          normalized(AlignedText(utf8[stretch], start: stretch.lowerBound)).withBytes { bytes in
            added.normalized.forEachStretch(of: bytes, allows: { _ in true }) { stretch in
              if found == nil, let token = stretch.token, token.isSpecial { found = token }
            }
          }
        }
      }
      return found?.content
    }
  }

  // MARK: - Steps

  /// - Parameter allows: whether special tokens are parsed at a range; nil when only in a part of it
  private func output(
    _ text: String, keepsStarts: Bool, allows: (Range<Int>) -> Bool?
  ) -> TokenOutput {
    var text = text
    return text.withUTF8 { utf8 in
      var output = TokenOutput(keepsStarts: keepsStarts, capacity: utf8.count / 3)
      forEachStretch(of: utf8, allows: allows) { token, start in
        output.append(token.id, at: start)
      } text: { stretch in
        append(stretch, of: utf8, allows: allows, to: &output)
      }
      return output
    }
  }

  /// Calls `token` with each added token and where it starts, and `text` with each stretch between.
  private func forEachStretch(
    of utf8: UnsafeBufferPointer<UInt8>, allows: (Range<Int>) -> Bool?, token: (AddedToken, Int) -> Void,
    text: (Range<Int>) -> Void
  ) {
    if utf8.isEmpty { return }
    if added.verbatim.isEmpty { return text(0..<utf8.count) }
    added.verbatim.forEachStretch(of: utf8, allows: allows) { stretch in
      if let found = stretch.token {
        token(found, stretch.range.lowerBound)
      } else {
        text(stretch.range)
      }
    }
  }

  /// Appends the tokens of a stretch without added tokens but those that are found in normalized text.
  private func append(
    _ stretch: Range<Int>, of utf8: UnsafeBufferPointer<UInt8>, allows: (Range<Int>) -> Bool?,
    to output: inout TokenOutput
  ) {
    if let splitting, let scannedModel {
      CharacterClass.table.withUnsafeBufferPointer { classes in
        scannedModel.tokenize(
          WordScanner(text: utf8, classes: classes, splitting: splitting), in: stretch, into: &output)
      }
      return
    }
    let text = normalized(AlignedText(utf8[stretch], start: stretch.lowerBound))
    if added.normalized.isEmpty { return appendWords(of: text, to: &output) }
    text.withBytes { bytes in
      added.normalized.forEachStretch(
        of: bytes,
        allows: { allows(text.origin(of: $0.lowerBound)..<(text.origin(of: $0.upperBound - 1) + 1)) }
      ) { stretch in
        if let token = stretch.token {
          output.append(token.id, at: stretch.range.lowerBound, of: text)
        } else {
          appendWords(of: text[stretch.range], to: &output)
        }
      }
    }
  }

  private func normalized(_ text: AlignedText) -> AlignedText {
    normalizers.reduce(text) { $1.normalize($0) }
  }

  private func appendWords(of text: AlignedText, to output: inout TokenOutput) {
    var words = Words(text)
    for splitter in splitters { splitter.split(&words) }
    model.tokenize(words, into: &output)
  }
}
