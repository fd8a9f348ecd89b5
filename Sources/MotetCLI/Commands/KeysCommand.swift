import ArgumentParser
import Foundation
import MotetServer

struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Make keys for motet serve --api-keys.",
    subcommands: [New.self, Hash.self])

  struct New: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Draw a key and print it, this once; the file keeps its hash.")

    @Argument(help: "Whose key it is: what logs call its holder.")
    var name: String

    @Option(help: "The adapters it may use, with commas; * at the end stands for any rest. By default all.")
    var adapters: String?

    @Flag(help: "May load, unload and pin adapters and read the metrics.")
    var admin = false

    @Option(help: "Requests a minute; by default any number.")
    var rate: Int?

    @Option(help: "Answers under way at one time; by default any number.")
    var answers: Int?

    @Option(help: "Tokens a minute, of prompts and answers; by default any number.")
    var tokens: Int?

    @Option(help: "Its share of the places beside other keys: 2 is twice as much as 1.")
    var weight = 1.0

    @Option(
      help: "The file to add it to; without one, its line is printed on stderr.",
      transform: OutputArgument.parse)
    var file: String?

    func validate() throws {
      guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || "-_.@".contains($0) }) else {
        throw ValidationError("a name has letters, digits and -_.@ only")
      }
      try require("rate", rate, from: 1)
      try require("answers", answers, from: 1)
      try require("tokens", tokens, from: 1)
      try require("weight", weight, in: APIKey.weights)
    }

    func run() async throws {
      let key = APIKey.draw()
      let entry = APIKey(
        name: name, hash: APIKey.hash(key),
        adapters: adapters?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) },
        isAdmin: admin,
        requestsPerMinute: rate, answers: answers, tokensPerMinute: tokens, weight: weight)
      if let file {
        try KeyFile.add(entry, to: file)
        Console.note("\(file) has the hash; this is the only time that the key is shown")
      } else {
        Console.note("put this line into the file that motet serve --api-keys reads:\n\(entry.line)")
      }
      Console.result(key)
    }
  }

  struct Hash: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print the hash of a key that comes on stdin.")

    func run() async throws {
      guard let line = readLine(), !line.isEmpty else {
        throw ValidationError("give the key on stdin: it should not stand in the shell's history")
      }
      Console.result("sha256:" + APIKey.hexadecimal(APIKey.hash(line)))
    }
  }
}
