import Foundation

/// A mix as a user writes it: `base`, `math`, `./out/math`, `code=0.5+math=0.4`, `math@3=0.7+./x=0.3`.
///
///     mix       = "base" | term *("+" term)
///     term      = adapter ["=" weight]          without a weight: 1
///     adapter   = NAME ["@" VERSION] | folder
///     folder    = a path with a "/", or "." or ".."; "\+", "\=" and "\\" stand for the characters themselves
public struct MixSpecification: Sendable, Equatable {
  /// In the order they were written; none for `base`.
  public let terms: [Term]

  /// One adapter and its weight.
  public struct Term: Sendable, Equatable {
    public let adapter: AdapterReference
    public let weight: Float

    public init(adapter: AdapterReference, weight: Float = 1) {
      self.adapter = adapter
      self.weight = weight
    }
  }

  /// The empty mix: the base model alone.
  public static let base = MixSpecification(unchecked: [])

  private init(unchecked terms: [Term]) {
    self.terms = terms
  }

  /// - Parameter most: how many terms it may have
  /// - Throws: `MixError` when a weight is not finite, an adapter comes twice, or there are too many.
  public init(terms: [Term], most: Int = .max) throws {
    guard terms.count <= most else { throw MixError.tooMany(most: most) }
    var seen: Set<AdapterReference> = []
    for (index, term) in terms.enumerated() {
      guard term.weight.isFinite else {
        throw MixError.weightNotFinite(
          text: "\(term.weight)", adapter: term.adapter.description, position: index + 1)
      }
      guard seen.insert(term.adapter).inserted else {
        throw MixError.repeated(adapter: term.adapter.description, position: index + 1)
      }
    }
    self.terms = terms
  }

  /// Reads a mix in time linear in the length of `text`.
  /// - Parameter most: how many terms it may have
  /// - Throws: `MixError`, which says what is wrong with which term.
  public init(parsing text: String, most: Int = .max) throws {
    guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else { throw MixError.empty }
    let pieces = try Self.split(text, most: most)
    if pieces.count == 1, pieces[0].adapter == "base", pieces[0].weight == nil {
      self = .base
      return
    }
    var terms: [Term] = []
    var seen: Set<AdapterReference> = []
    for (index, piece) in pieces.enumerated() {
      let term = try Self.term(piece, position: index + 1, of: text)
      guard seen.insert(term.adapter).inserted else {
        throw MixError.repeated(adapter: term.adapter.description, position: index + 1)
      }
      terms.append(term)
    }
    self.init(unchecked: terms)
  }

  private static func term(_ piece: Piece, position: Int, of text: String) throws -> Term {
    guard !piece.adapter.isEmpty else {
      throw piece.weight == nil
        ? MixError.emptyTerm(position: position, text: text)
        : MixError.noAdapter(position: position, text: text)
    }
    guard piece.adapter != "base" else { throw MixError.baseInMix(position: position) }
    let adapter: AdapterReference
    do {
      adapter = try AdapterReference(parsing: piece.adapter)
    } catch {
      throw MixError.badAdapter(position: position, reason: "\(error)")
    }
    guard let written = piece.weight else { return Term(adapter: adapter) }
    guard written.utf8.count <= longestWeight, let weight = Float(written), !written.isEmpty else {
      throw MixError.weightNoNumber(text: written, adapter: adapter.description, position: position)
    }
    guard weight.isFinite else {
      throw MixError.weightNotFinite(text: written, adapter: adapter.description, position: position)
    }
    return Term(adapter: adapter, weight: weight)
  }

  /// Bytes of a weight's text: more than any number needs.
  private static let longestWeight = 100

  private struct Piece {
    var adapter = ""
    var weight: String?

    var trimmed: Piece {
      Piece(
        adapter: adapter.trimmingCharacters(in: .whitespaces),
        weight: weight?.trimmingCharacters(in: .whitespaces))
    }
  }

  /// Splits at "+" and "=", except after a backslash and inside a weight such as 1e+2.
  private static func split(_ text: String, most: Int) throws -> [Piece] {
    var pieces: [Piece] = []
    var adapter = String.UnicodeScalarView()
    var weight: String.UnicodeScalarView?
    var isEscaped = false
    func end() throws {
      guard pieces.count < most else { throw MixError.tooMany(most: most) }
      pieces.append(Piece(adapter: String(adapter), weight: weight.map { String($0) }).trimmed)
      adapter = String.UnicodeScalarView()
      weight = nil
    }
    // By scalars: what a user writes as one character may be of any length.
    for scalar in text.unicodeScalars {
      if isEscaped {
        isEscaped = false
      } else if scalar == "\\", weight == nil {
        isEscaped = true
        continue
      } else if scalar == "+", !isExponent(weight) {
        try end()
        continue
      } else if scalar == "=", weight == nil {
        weight = String.UnicodeScalarView()
        continue
      }
      if weight == nil { adapter.append(scalar) } else { weight?.append(scalar) }
    }
    try end()
    return pieces
  }

  /// Whether a weight ends as `1e` does, so that a sign belongs to it.
  private static func isExponent(_ weight: String.UnicodeScalarView?) -> Bool {
    guard let weight, let last = weight.last, last == "e" || last == "E",
      weight.prefix(longestWeight + 1).count <= longestWeight
    else { return false }
    return Float(String(weight.dropLast())) != nil
  }
}

extension MixSpecification: CustomStringConvertible {
  /// The one spelling of this mix: terms sorted by adapter, weights shortest; a single adapter at weight 1
  /// without it, and `base` for none. Parsing it gives an equal mix but for the order.
  public var description: String {
    if terms.isEmpty { return "base" }
    if terms.count == 1, terms[0].weight == 1 { return terms[0].adapter.description }
    return terms.map { ($0.adapter.description, $0.weight) }
      .sorted { $0.0 < $1.0 }
      .map { "\($0.0)=\(Self.spelled($0.1))" }
      .joined(separator: "+")
  }

  private static func spelled(_ weight: Float) -> String {
    let text = "\(weight)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

extension MixSpecification {
  /// The folders the terms mean, with their weights.
  ///
  /// - Throws: `LibraryError` for a name the library does not have, `MixError.noFolder` for a folder
  ///   that is not there, `MixError.repeated` when two terms come to mean the same folder (`math+math@3`).
  public func resolved(in library: AdapterLibrary) throws -> [(folder: URL, weight: Float)] {
    var seen: Set<String> = []
    return try terms.enumerated().map { index, term in
      let folder = try term.adapter.folder(in: library)
      guard seen.insert(folder.resolvingSymlinksInPath().standardizedFileURL.path).inserted else {
        throw MixError.repeated(adapter: term.adapter.description, position: index + 1)
      }
      return (folder, term.weight)
    }
  }
}
