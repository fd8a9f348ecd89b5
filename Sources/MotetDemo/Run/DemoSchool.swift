import Foundation
import Motet

/// Trains the demo's adapters, and shows that each is left alone by the others.
struct DemoSchool: Sendable {
  let base: BaseModel
  let demo: Demo

  struct Graduates: Sendable {
    var adapters: [DemoDomain: Adapter] = [:]
    var joint: Adapter
    var sequential: Adapter
    var events: [(name: String, events: [TrainingEvent])] = []
    var answersUnchanged: [String: Bool] = [:]
    let library: AdapterLibrary
  }

  private var options: DemoOptions { demo.options }

  func train() async throws -> Graduates {
    let library = AdapterLibrary(root: options.output.appending(path: "adapters"))
    var adapters: [DemoDomain: Adapter] = [:]
    var events: [(name: String, events: [TrainingEvent])] = []
    var firstAnswers: [DemoDomain: [String]] = [:]
    for domain in DemoDomain.allCases {
      let result = try await run(domain.rawValue, rows(domain), library: library)
      adapters[domain] = result.adapter
      events.append((domain.rawValue, result.events))
      firstAnswers[domain] = try await answers(domain, under: result.adapter)
    }
    let everything = try await run("joint", DemoDomain.allCases.flatMap(rows), library: library)
    events.append(("joint", everything.events))
    var inTurn = adapters[.math]?.weights
    for domain in [DemoDomain.code, .qa] {
      let result = try await run("sequential", rows(domain), from: inTurn, library: library)
      inTurn = result.adapter.weights
      events.append(("sequential: \(domain.rawValue)", result.events))
    }
    guard let inTurn else { throw CancellationError() }
    var graduates = Graduates(
      adapters: adapters, joint: everything.adapter,
      sequential: Adapter(name: "sequential", weights: inTurn), library: library)
    graduates.events = events
    try await updateAndRemove(library)
    graduates.answersUnchanged = try await compare(firstAnswers, library: library)
    return graduates
  }

  private func rows(_ domain: DemoDomain) -> [DatasetRow] { Self.rows(domain, options) }

  static func rows(_ domain: DemoDomain, _ options: DemoOptions) -> [DatasetRow] {
    DemoData.training(domain, count: options.rows, seed: options.seed).enumerated().map {
      DatasetRow(prompt: $1.prompt, response: $1.response, line: $0 + 1)
    }
  }

  private func run(
    _ name: String, _ rows: [DatasetRow], from start: AdapterWeights? = nil, library: AdapterLibrary
  ) async throws -> TrainingResult {
    let progress = demo.progress
    let result = try await Trainer(base, method: options.method, options: options.training).train(
      on: Dataset(rows, name: name), name: name, from: start
    ) { event in
      progress(
        "   \(name): step \(event.step)/\(event.steps)  loss \(String(format: "%.3f", event.loss))  "
          + "\(Int(event.tokensPerSecond)) tokens/s  \(Int(event.secondsLeft)) s left",
        event.step % max(1, event.steps / 3) == 0)
    }
    try Task.checkCancellation()
    let place = try TrainingOutput(result, report: RunReport(result, base: base)).save(
      output: nil, name: name, library: library)
    let first = result.events.first?.loss ?? 0
    let last = result.finalLoss ?? 0
    demo.say(
      "   \(place): \(rows.count) rows, \(result.tokens) tokens in \(Int(result.seconds)) s "
        + "(\(Int(Double(result.tokens) / max(result.seconds, 1e-9))) tokens/s), loss "
        + "\(String(format: "%.3f", first)) to \(String(format: "%.3f", last))")
    return result
  }

  // MARK: Adapters do not touch one another

  private func probes(_ domain: DemoDomain) -> [String] {
    DemoData.heldOut(domain, count: 4, seed: options.seed &+ 77).map(\.prompt)
  }

  private func answers(_ domain: DemoDomain, under adapter: Adapter) async throws -> [String] {
    let prompts = probes(domain)
    return try await base.answers(
      to: prompts, mixes: prompts.map { _ in Mix(adapter) }, maximumTokens: 48)
  }

  /// Gives code a second version that learnt something else, and takes it away again.
  private func updateAndRemove(_ library: AdapterLibrary) async throws {
    let current = try AdapterWeights(peft: library.resolve("code").folder)
    var short = options.training
    short.epochs = 1
    let few = Array(rows(.qa).prefix(32))
    let result = try await Trainer(base, method: options.method, options: short).train(
      on: Dataset(few, name: "update"), name: "code", from: current)
    let entry = try library.add("code") {
      try result.adapter.weights.write(to: $0, record: result.adapter.record)
    }
    demo.say("   updated to \(entry), then removed it again")
    _ = try library.remove(entry.description)
  }

  /// Answers again with what the library now holds, every adapter in one batch.
  private func compare(
    _ before: [DemoDomain: [String]], library: AdapterLibrary
  ) async throws -> [String: Bool] {
    var unchanged: [String: Bool] = [:]
    for domain in DemoDomain.allCases {
      let entry = try library.resolve(domain.rawValue)
      let adapter = try Adapter.load(entry.folder, name: domain.rawValue, for: base)
      unchanged[domain.rawValue] = try await answers(domain, under: adapter) == before[domain]
    }
    let all = unchanged.values.allSatisfy { $0 }
    demo.say(
      all
        ? "   each adapter answers as it did before the others were added, updated and removed"
        : "   some answers changed: \(unchanged.filter { !$0.value }.keys.sorted().joined(separator: ", "))")
    return unchanged
  }
}
