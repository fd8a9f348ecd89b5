import ArgumentParser
import Foundation
import Motet

struct GenerateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Answer a prompt, or a file of prompts, under a mix.")

  @OptionGroup var base: AnsweringOptions

  @Option(help: "The mix that answers, such as code=0.5+math=0.4.")
  var mix = "base"

  @Option(help: "A router (folder or name) that chooses the mix for each prompt.")
  var router: String?

  @Option(help: "One prompt.")
  var prompt: String?

  @Option(
    help: """
      A file of prompts, as rows to train on but without their responses, or a prompt a line; a row's own "mix" goes \
      before --mix.
      """)
  var prompts: String?

  @OptionGroup var columns: ColumnOptions

  @Option(name: .customLong("max-tokens"), help: "The most tokens an answer may have.")
  var maxTokens = 256

  @Option(help: "0 takes the likeliest token.")
  var temperature: Float = 0

  @Option(name: .customLong("top-k"), help: "Only the k likeliest tokens; 0 for all.")
  var topK = 0

  @Option(name: .customLong("top-p"), help: "Only the likeliest tokens that together reach this share.")
  var topP: Float = 1

  @Option(help: "Draws the tokens.")
  var seed: UInt64 = 0

  @Option(help: "Answers under way at one time.")
  var batch = 32

  @Flag(name: .customLong("ignore-eos"), help: "Go on past the end of the answer, for measuring.")
  var ignoreEOS = false

  @Flag(help: "Use adapters and head routers whose record names another base.")
  var force = false

  @Flag(help: "Print one JSON object for each prompt.")
  var json = false

  func validate() throws {
    guard (prompt == nil) != (prompts == nil) else {
      throw ValidationError("say what to answer: --prompt TEXT or --prompts FILE")
    }
    try require("max-tokens", maxTokens, from: 1)
    try require("temperature", temperature, in: 0...1e6)
    try require("top-k", topK, from: 0)
    try require("top-p", topP, in: 0...1, above: true)
    try require("batch", batch, from: 1)
  }

  func run() async throws {
    let asked = try prompts.map { try read($0) } ?? [alone]
    let base = try await base.load()
    let mixes = try await chooseMixes(asked, base)
    if prompt != nil, !json { return try await stream(base, mix: mixes[0]) }
    try await answer(asked, base: base, mixes: mixes)
  }

  private func read(_ path: String) throws -> [PromptRows.Row] {
    let encoder = try RowEncoder(ModelStore().find(base.base.base).source(base.base.files.reading))
    return try columns.prompts(path, for: encoder)
  }

  /// The one row of `--prompt`.
  private var alone: PromptRows.Row {
    PromptRows.Row(conversation: [ChatMessage(role: "user", content: prompt ?? "")])
  }

  private func chooseMixes(_ rows: [PromptRows.Row], _ base: BaseModel) async throws -> [Mix] {
    let loader = MixLoader(base, force: force)
    var known: [String: Mix] = [:]
    let router = try router.map { try RouterFinder.load($0, base: base, force: force) }
    var mixes: [Mix] = []
    for row in rows {
      var name = row.mix ?? mix
      if row.mix == nil, let router { name = try await router.route(row.prompt).mixDescription }
      if known[name] == nil { known[name] = try loader.load(name) }
      mixes.append(known[name] ?? .base)
    }
    return mixes
  }

  private var sampling: Sampling { Sampling(temperature: temperature, topK: topK, topP: topP, seed: seed) }

  private func stream(_ base: BaseModel, mix: Mix) async throws {
    if router != nil { Console.note("mix: \(mix)") }
    if ignoreEOS {
      return try await answer([alone], base: base, mixes: [mix])
    }
    _ = try base.promptTokens(prompt ?? "")
    for try await piece in base.generate(
      prompt ?? "", mix: mix, maximumTokens: maxTokens, sampling: sampling)
    { Console.result(piece, terminator: "") }
    Console.result("")
  }

  private struct Report: Encodable {
    let text: String
    let mix: String
    let tokens: Int
    let tokensPerSecond: Double
  }

  private func answer(_ rows: [PromptRows.Row], base: BaseModel, mixes: [Mix]) async throws {
    let prompts = try rows.map { row in
      row.conversation.count == 1
        ? try base.promptTokens(row.prompt)
        : try base.tokens(asking: row.conversation)
    }
    let (maxTokens, ignoreEOS, batch, sampling) = (maxTokens, ignoreEOS, batch, sampling)
    let (outputs, seconds) = try await Interrupt.cancelling("stopping") {
      try await Compute.run {
        var bound: [Mix: BoundMix] = [:]
        for mix in mixes where bound[mix] == nil { bound[mix] = try mix.boundForAnswers(to: base) }
        let began = ContinuousClock.now
        let total = prompts.count
        var produced = 0
        let outputs = try await base.complete(
          zip(prompts, mixes).enumerated().map { index, pair in
            var own = sampling
            own.seed = sampling.seed &+ UInt64(index)
            return GenerationRequest(
              prompt: pair.0, mix: bound[pair.1] ?? .base, maximumTokens: maxTokens, sampling: own,
              ignoresEnd: ignoreEOS)
          }, maximumRows: batch
        ) { _, _ in
          produced += 1
          if produced % 64 == 0 {
            Console.progress("\(produced) tokens of \(total) answers", milestone: false)
          }
        }
        return (outputs, Double((ContinuousClock.now - began) / .seconds(1)))
      }
    }
    Console.endProgress()
    let all = outputs.reduce(0) { $0 + $1.count }
    for (output, mix) in zip(outputs, mixes) {
      let text = base.tokenizer.decode(output, skippingSpecialTokens: true)
      let rate = Double(rows.count == 1 ? output.count : all) / max(seconds, 1e-9)
      if json || self.prompts != nil {
        try Console.json(
          Report(text: text, mix: mix.description, tokens: output.count, tokensPerSecond: rate))
      } else {
        Console.result(text)
      }
    }
  }
}
