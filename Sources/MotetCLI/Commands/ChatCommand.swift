import ArgumentParser
import Foundation
import Motet

struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat", abstract: "Talk to the base under a mix, or let a router choose one for each turn.",
    discussion: "An empty line or Ctrl-D ends the conversation; /reset forgets it; /mix NAME changes the mix."
  )

  @OptionGroup var base: AnsweringOptions

  @Option(help: "The mix that answers.")
  var mix = "base"

  @Option(help: "A router (folder or name) that chooses the mix for each turn.")
  var router: String?

  @Option(name: .customLong("max-tokens"), help: "The most tokens an answer may have.")
  var maxTokens = 256

  @Option(help: "0 takes the likeliest token.")
  var temperature: Float = 0

  @Option(help: "Draws the tokens.")
  var seed: UInt64 = 0

  @Flag(help: "Use adapters and head routers whose record names another base.")
  var force = false

  func run() async throws {
    let base = try await base.load()
    let loader = MixLoader(base, force: force)
    let chooser = try router.map { try RouterFinder.load($0, base: base, force: force) }
    var mix = try loader.load(mix)
    var conversation: [ChatMessage] = []
    Console.note("\(base.name), \(chooser == nil ? "mix \(mix)" : "the router chooses"); an empty line ends")
    while true {
      FileHandle.standardError.write(Data("> ".utf8))
      guard let line = readLine(), !line.allSatisfy(\.isWhitespace) else { return }
      if line == "/reset" {
        conversation = []
        continue
      }
      if line.hasPrefix("/mix ") {
        do { mix = try loader.load(String(line.dropFirst(5))) } catch { Console.note("\(error)") }
        continue
      }
      if let chooser {
        let route = try await chooser.route(line)
        mix = try loader.load(route.mixDescription)
        Console.note("[\(route.mixDescription)]")
      }
      conversation.append(ChatMessage(role: "user", content: line))
      var answer = ""
      for try await piece in base.generate(
        conversation, mix: mix, maximumTokens: maxTokens,
        sampling: Sampling(temperature: temperature, seed: seed))
      {
        answer += piece
        Console.result(piece, terminator: "")
      }
      Console.result("")
      conversation.append(ChatMessage(role: "assistant", content: answer))
    }
  }
}
