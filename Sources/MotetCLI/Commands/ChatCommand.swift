import ArgumentParser
import Foundation
import Motet

struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat", abstract: "Talk to the base under a mix, or let a router choose one for each turn.",
    discussion: """
      Ctrl-D or /quit ends the conversation; an empty line is ignored. Ctrl-C stops an answer. What is pasted is one \
      message, with all its lines. When the model's context is full, the oldest turns are forgotten, and said so.

      \(ChatLine.commands)

      From a pipe, every line is a message. A router reads the message alone, not the turns before it.
      """
  )

  @OptionGroup var base: AnsweringOptions

  @Option(help: "The mix that answers.")
  var mix = "base"

  @Option(help: "A router (folder or name) that chooses the mix for each turn.")
  var router: String?

  @Option(help: "The system turn: what the model is told first. By default the model's own.")
  var system: String?

  @Option(name: .customLong("max-tokens"), help: "The most tokens an answer may have.")
  var maxTokens = 256

  @Option(help: "0 takes the likeliest token.")
  var temperature: Float = 0

  @Option(help: "Draws the tokens.")
  var seed: UInt64 = 0

  @Flag(help: "Use adapters and head routers whose record names another base.")
  var force = false

  func validate() throws {
    try require("max-tokens", maxTokens, from: 1)
    try require("temperature", temperature, in: 0...1e6)
  }

  func run() async throws {
    let signals = ChatSignals()
    signals.install()
    // Before the model is read: what is typed meanwhile is kept, of any length.
    var input: any ChatInput = TerminalInput() ?? PipeInput()
    defer { TerminalMode.restore() }
    let base = try await base.load()
    var chat = try Chat(self, base: base, signals: signals, isTerminal: input is TerminalInput)
    chat.greet()
    while true {
      switch input.next() {
      case .ended: return
      case .interrupted: Console.note("Ctrl-D or /quit leaves; /help lists the commands")
      case .message(let message):
        if try await chat.take(ChatLine(message)) == .over { return }
      }
    }
  }
}

/// A conversation under way: what each message does to it.
private struct Chat {
  enum State { case goesOn, over }

  private let command: ChatCommand
  private let base: BaseModel
  private let signals: ChatSignals
  private let isTerminal: Bool
  private let loader: MixLoader
  private let router: (any Router)?
  private var mix: Mix
  /// Whether the router chooses, and not the person.
  private var isRouted: Bool
  private var conversation: Conversation
  private var asked: UInt64 = 0

  init(_ command: ChatCommand, base: BaseModel, signals: ChatSignals, isTerminal: Bool) throws {
    self.command = command
    self.base = base
    self.signals = signals
    self.isTerminal = isTerminal
    loader = MixLoader(base, force: command.force)
    router = try command.router.map { try RouterFinder.load($0, base: base, force: command.force) }
    mix = try loader.load(command.mix)
    isRouted = router != nil
    conversation = Conversation(system: command.system)
  }

  func greet() {
    Console.note("\(base.name), \(mixWords); /help lists the commands, Ctrl-D leaves")
  }

  private var mixWords: String { isRouted ? "the router chooses the mix" : "mix \(mix)" }

  /// Nothing that is wrong with one message ends the conversation.
  mutating func take(_ line: ChatLine) async throws -> State {
    switch line {
    case .nothing: break
    case .quit: return .over
    case .help: Console.note(ChatLine.commands)
    case .reset:
      conversation.reset()
      Console.note("the conversation is forgotten")
    case .unknown(let word):
      Console.note(
        "there is no command \(word): /help, /mix NAME, /reset, /quit; a text that begins with / is sent with //"
      )
    case .mix(nil): Console.note(mixWords)
    case .mix("auto"?) where router != nil:
      isRouted = true
      Console.note(mixWords)
    case .mix(let name?):
      do {
        mix = try loader.load(name)
        isRouted = false
        Console.note(mixWords)
      } catch {
        Console.note("\(error); \(mixWords) as before")
      }
    case .text(let text):
      do { try await answer(text) } catch { Console.note("\(error)") }
    }
    return .goesOn
  }

  private mutating func answer(_ text: String) async throws {
    if isRouted, let router {
      let route = try await router.route(text)
      mix = try loader.load(route.mixDescription)
      Console.note("[\(route.mixDescription)]")
    }
    let (base, mix, maxTokens) = (base, mix, command.maxTokens)
    let virtualTokens = try await Compute.run { try mix.boundForAnswers(to: base).virtualTokens }
    let context = base.configuration.maximumPositions - virtualTokens
    let now = try conversation.ask(text, context: context, answer: min(maxTokens, context / 4)) {
      try base.tokens(asking: $0).count
    }
    if now.dropped > 0 {
      Console.note(
        "the context of \(context) tokens is full: the \(now.dropped == 1 ? "oldest question and its answer are" : "\(now.dropped) oldest questions and their answers are") forgotten"
      )
    }
    let sampling = Sampling(temperature: command.temperature, seed: command.seed &+ asked)
    asked += 1
    do {
      let answer = try await signals.answering(endsAtSecond: !isTerminal) {
        try await base.chat(now.messages, mix: mix, maximumTokens: maxTokens, sampling: sampling) {
          Console.result($0, terminator: "")
        }
      }
      Console.result("")
      conversation.answer(answer.text)
      if answer.text.isEmpty, answer.ending == .whole { Console.note("the answer is empty") }
      tell(answer.ending, context: context)
    } catch {
      conversation.answer("")
      throw error
    }
  }

  private func tell(_ ending: ChatAnswer.Ending, context: Int) {
    switch ending {
    case .whole: break
    case .stopped: Console.note("stopped")
    case .full: Console.note("cut at \(command.maxTokens) tokens: --max-tokens allows more")
    case .outOfContext:
      Console.note("cut: the context of \(context) tokens is full; /reset forgets the conversation")
    }
  }
}
