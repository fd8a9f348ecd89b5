import Foundation
import Synchronization

/// The terminal's modes while a conversation goes on in it, and their restoring on every way out.
///
/// A terminal gives whole lines by itself, of at most 4,095 bytes: what is longer is cut without a word. Here it gives
/// each byte as it comes, and ``LineEditor`` makes messages of them.
enum TerminalMode {
  private struct Held {
    let before: termios
    let usesPasteMarks: Bool
  }

  /// How the terminal was, while it is otherwise.
  private static let held = Mutex<Held?>(nil)

  /// Whether Ctrl-C is a key, as while a message is written, or a signal, as while an answer is.
  enum Interrupts { case asKey, asSignal }

  private static let pasteMarksOn = "\u{1b}[?2004h"
  private static let pasteMarksOff = "\u{1b}[?2004l"

  /// Takes standard input out of its line mode until ``restore()``, or the end of the process.
  /// - Parameters:
  ///   - echoes: the terminal shows what is typed by itself, for one that cannot be drawn in
  ///   - display: where the terminal is written to; gets told to mark what is pasted, unless it echoes
  /// - Returns: false when standard input is not a terminal
  static func enter(echoes: Bool, display: Int32) -> Bool {
    var modes = termios()
    guard tcgetattr(STDIN_FILENO, &modes) == 0 else { return false }
    held.withLock { $0 = Held(before: modes, usesPasteMarks: !echoes) }
    atexit { TerminalMode.restore() }
    set(.asSignal)
    if !echoes { _ = Descriptor.write(pasteMarksOn, to: display) }
    return true
  }

  static func set(_ interrupts: Interrupts) {
    guard let held = held.withLock({ $0 }) else { return }
    var modes = held.before
    modes.c_lflag &= ~tcflag_t(ICANON | ISIG | IEXTEN)
    if held.usesPasteMarks { modes.c_lflag &= ~tcflag_t(ECHO) }
    if interrupts == .asSignal { modes.c_lflag |= tcflag_t(ISIG) }
    // Enter is a carriage return, and Ctrl-S and Ctrl-Q are keys.
    modes.c_iflag &= ~tcflag_t(IXON | ICRNL | INLCR)
    withUnsafeMutableBytes(of: &modes.c_cc) { keys in
      keys[Int(VMIN)] = 1
      keys[Int(VTIME)] = 0
    }
    tcsetattr(STDIN_FILENO, TCSANOW, &modes)
  }

  /// Gives the terminal back as it was, and throws away what was typed or pasted and not read: it was meant for the
  /// conversation, and the shell would run it. Does nothing the second time.
  static func restore(discardingInput: Bool = true) {
    guard
      let held = held.withLock({ held in
        defer { held = nil }
        return held
      })
    else { return }
    // A process in the background would be stopped here.
    signal(SIGTTOU, SIG_IGN)
    if held.usesPasteMarks { _ = Descriptor.write(pasteMarksOff, to: STDERR_FILENO) }
    if discardingInput { drain() }
    var modes = held.before
    tcsetattr(STDIN_FILENO, discardingInput ? TCSAFLUSH : TCSANOW, &modes)
    signal(SIGTTOU, SIG_DFL)
  }

  /// Reads until nothing has come for a moment: the rest of a long paste is still on its way.
  private static func drain() {
    let end = ContinuousClock.now + .seconds(2)
    var bytes = [UInt8](repeating: 0, count: 4096)
    while ContinuousClock.now < end, Descriptor.hasInput(STDIN_FILENO, within: 40) {
      if read(STDIN_FILENO, &bytes, bytes.count) <= 0 { return }
    }
  }
}
