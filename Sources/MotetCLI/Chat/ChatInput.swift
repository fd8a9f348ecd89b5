import Foundation

/// Where a conversation's messages come from.
protocol ChatInput {
  /// Waits for the next message.
  mutating func next() -> ChatEntry
}

enum ChatEntry: Equatable {
  case message(String)
  /// Ctrl-C while nothing was answered.
  case interrupted
  case ended
}

/// Lines of any length from a pipe or a file; each is a message.
struct PipeInput: ChatInput {
  private var isFirst = true

  mutating func next() -> ChatEntry {
    guard var line = readLine() else { return .ended }
    if isFirst, line.hasPrefix("\u{feff}") { line.removeFirst() }
    isFirst = false
    return .message(line)
  }
}

/// Messages that a person writes in a terminal.
struct TerminalInput: ChatInput {
  private var decoder = KeyDecoder()
  private var editor = LineEditor()
  private var display = LineDisplay(prompt: "> ")
  private let screen: Int32
  private let echoes: Bool
  /// Bytes that were read and not taken yet: of what was typed ahead.
  private var waiting: ArraySlice<UInt8> = []

  /// - Returns: nil when standard input is not a terminal
  init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
    guard isatty(STDIN_FILENO) != 0 else { return nil }
    screen = isatty(STDERR_FILENO) != 0 ? STDERR_FILENO : STDIN_FILENO
    echoes = ["", "dumb"].contains(environment["TERM"] ?? "")
    guard TerminalMode.enter(echoes: echoes, display: screen) else { return nil }
  }

  mutating func next() -> ChatEntry {
    TerminalMode.set(.asKey)
    defer { TerminalMode.set(.asSignal) }
    draw(first: true)
    while true {
      while let byte = waiting.popFirst() {
        guard let key = decoder.take(byte), let event = editor.take(key) else { continue }
        if let entry = entry(event) { return entry }
      }
      guard readMore() else { return .ended }
    }
  }

  private mutating func entry(_ event: LineEditor.Event) -> ChatEntry? {
    switch event {
    case .submitted(let message):
      leave(showing: Array(message))
      return .message(message)
    case .interrupted:
      leave(showing: editor.text)
      return .interrupted
    case .ended:
      leave(showing: [])
      return .ended
    case .suspended:
      TerminalMode.restore(discardingInput: false)
      kill(0, SIGTSTP)
      // Another thread may be the one that stops the process, a moment later.
      usleep(100_000)
      _ = TerminalMode.enter(echoes: echoes, display: screen)
      TerminalMode.set(.asKey)
      display.leave()
      draw()
    case .redrawn:
      if !echoes { _ = Descriptor.write("\u{1b}[H\u{1b}[2J", to: screen) }
      display.leave()
      draw()
    }
    return nil
  }

  /// Waits for bytes, with the message drawn as it is by now.
  private mutating func readMore() -> Bool {
    if decoder.isAtEscape, !Descriptor.hasInput(STDIN_FILENO, within: 60) { decoder.forgetEscape() }
    // A long paste comes in many pieces: it is drawn once.
    if !decoder.isPasting, !Descriptor.hasInput(STDIN_FILENO, within: 0) { draw() }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(STDIN_FILENO, &bytes, bytes.count)
      if count > 0 {
        waiting = bytes[..<count]
        return true
      }
      if count == 0 || errno != EINTR { return false }
    }
  }

  // MARK: Drawing

  private mutating func draw(first: Bool = false) {
    if echoes {
      if first { _ = Descriptor.write(display.prompt, to: screen) }
      return
    }
    draw(editor.text, cursor: editor.cursor)
  }

  private mutating func draw(_ text: [Character], cursor: Int) {
    var size = winsize()
    let isKnown = ioctl(screen, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 && size.ws_row > 0
    let drawing = display.redraw(
      text, cursor: cursor, width: isKnown ? Int(size.ws_col) : 80, height: isKnown ? Int(size.ws_row) : 24)
    _ = Descriptor.write(drawing, to: screen)
  }

  /// Leaves a finished message where it is.
  private mutating func leave(showing text: [Character]) {
    if !echoes { draw(text, cursor: text.count) }
    _ = Descriptor.write("\r\n", to: screen)
    display.leave()
  }
}
