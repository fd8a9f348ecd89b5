/// What a message of the person means to `motet chat`.
enum ChatLine: Equatable {
  case nothing
  case text(String)
  case help, reset, quit
  /// nil asks which one it is.
  case mix(String?)
  case unknown(String)

  init(_ message: String) {
    var text = message
    while text.last?.isNewline == true { text.removeLast() }
    guard text.contains(where: { !$0.isWhitespace }) else {
      self = .nothing
      return
    }
    guard text.hasPrefix("/") else {
      self = .text(text)
      return
    }
    if text.hasPrefix("//") {
      self = .text(String(text.dropFirst()))
      return
    }
    let word = text.prefix { !$0.isWhitespace }
    let rest = text.dropFirst(word.count).drop(while: \.isWhitespace)
    let argument = String(rest.reversed().drop(while: \.isWhitespace).reversed())
    switch (word, argument.isEmpty) {
    case ("/help", true): self = .help
    case ("/reset", true): self = .reset
    case ("/quit", true), ("/exit", true): self = .quit
    case ("/mix", true): self = .mix(nil)
    case ("/mix", false): self = .mix(argument)
    default: self = .unknown(String(word))
    }
  }

  static let commands = """
    /mix NAME   answer under another mix, such as math or code=0.5+math=0.4; auto lets the router choose again
    /mix        say which mix answers
    /reset      forget the conversation
    /quit       leave, as Ctrl-D does
    //text      send a text that begins with /
    Ctrl-C stops an answer. Alt-Enter, or a paste, puts several lines into one message.
    """
}
