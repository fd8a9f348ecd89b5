import ArgumentParser
import Motet

@main
struct MotetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "motet",
    abstract: "One frozen base model, many small adapters: train, detect, blend, merge.",
    discussion: """
      A base is a name under $MOTET_HOME/models (default ~/.motet), ORG/NAME of the hub, a folder or a GGUF file.
      A mix names adapters of the library or folders: math, ./out/math, code=0.5+math=0.4; base is the empty mix.
      Results go to stdout, progress to stderr.
      """,
    version: "motet \(motetVersion)",
    subcommands: [
      PullCommand.self, CompareCommand.self, TuneCommand.self,
      TrainCommand.self, GenerateCommand.self, ChatCommand.self, EvaluateCommand.self,
      RouterCommand.self, RouteCommand.self, MergeCommand.self, FuseCommand.self, QuantizeCommand.self,
      AdaptersCommand.self, RankCommand.self, BenchCommand.self, MethodsCommand.self,
      DemoCommand.self, ServeCommand.self, KeysCommand.self,
    ])

  static func main() async {
    do {
      try RepeatedOptions(description: _dumpHelp()).check(Array(CommandLine.arguments.dropFirst()))
    } catch {
      exit(withError: error)
    }
    await main(nil)
  }
}
