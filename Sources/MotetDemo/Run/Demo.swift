import Foundation
import Motet
import MotetFormats

/// The main job on real input: train three adapters, detect what prompts need, switch, blend, merge, and measure
/// all of it against what else one could have done.
public struct Demo: Sendable {
  public let options: DemoOptions
  /// Lines for people, as things happen.
  let say: @Sendable (String) -> Void
  /// A line that the next one may replace; a milestone is worth a line of its own where none can be replaced.
  let progress: @Sendable (_ line: String, _ isMilestone: Bool) -> Void

  public init(
    _ options: DemoOptions, say: @escaping @Sendable (String) -> Void,
    progress: @escaping @Sendable (_ line: String, _ isMilestone: Bool) -> Void
  ) {
    self.options = options
    self.say = say
    self.progress = progress
  }

  /// Runs everything on `base` and leaves `results.json`, `report.html`, the adapters and the routers in the
  /// output folder.
  /// - Throws: what a stage throws, or a cancellation; adapters trained so far stay in the output folder
  public func run(on base: BaseModel) async throws -> DemoResults {
    let began = ContinuousClock.now
    var results = DemoResults()
    var stages = Stages()
    try DemoFiles.claim(options.output)
    try DemoFiles.write(options, to: options.output.appending(path: "data"))
    results.fingerprintBefore = await base.fingerprint()

    say("\n1  Train an adapter for each domain, and the two usual alternatives")
    let school = DemoSchool(base: base, demo: self)
    let graduates = try await school.train()
    results.answersUnchanged = graduates.answersUnchanged
    stages.finish("training")

    say("\n2  Merge the three into one permanent adapter")
    let merged = try await merge(graduates, base)
    stages.finish("merging")

    say("\n3  Learn to detect the domain")
    let routing = try await DemoRouting.train(base: base, demo: self)
    results.routingAccuracy = routing.accuracy
    results.routingAccuracyByRouter = routing.accuracyByRouter
    stages.finish("routing")

    say("\n4  Answer held-out prompts: \(options.heldOut) a domain, every system in one batch")
    var exam = DemoExam(base: base, demo: self, graduates: graduates, merged: merged, router: routing.router)
    results.accuracy = try await exam.accuracy()
    stages.finish("answering")

    say("\n5  What else changed: text of no domain, and prompts that need two")
    results.generalNLL = try await exam.generalNLL()
    let compound = try await exam.compoundNLL()
    results.compoundNLL = compound.means
    results.blendWins = compound.blendWins
    results.compoundCount = DemoData.compound.count
    stages.finish("likelihoods")

    results.fingerprintAfter = await base.fingerprint()
    results.parameters = .init(
      base: base.parameterCount, adapter: graduates.adapters[.math]?.weights.parameterCount ?? 0)
    results.secondsByStage = stages.seconds
    results.seconds = (ContinuousClock.now - began) / .seconds(1)
    results.peakRSSBytes = peakResidentBytes()
    let report = DemoReport(
      results: results, base: base.name, precision: base.precision.rawValue, events: graduates.events,
      routes: routing.shown, options: options)
    try AtomicFile.write(results.encoded(), to: options.output.appending(path: "results.json"))
    try AtomicFile.write(Data(report.page().html().utf8), to: options.output.appending(path: "report.html"))
    return results
  }

  private func merge(_ graduates: DemoSchool.Graduates, _ base: BaseModel) async throws -> Adapter {
    let terms = try DemoDomain.allCases.compactMap { domain in
      try graduates.adapters[domain].map { adapter in
        let rows = Dataset(DemoSchool.rows(domain, options).prefix(32).map { $0 }, name: domain.rawValue)
        return InputFit.Term(adapter: adapter, weight: 1, rows: try rows.examples(for: base).map(\.tokens))
      }
    }
    let fitted = try await InputFit.fit(terms, on: base) {
      progress("   fitting: layer \($0) of \(base.configuration.layers)", false)
    }
    let weights = try RegMeanMerge().merge(fitted, rank: options.rank * 2)
    let record = AdapterRecord(
      motet: motetVersion, base: base.identity, parents: DemoDomain.allCases.map { .init(name: $0.rawValue) })
    let merged = Adapter(name: "merged", weights: weights, record: record)
    let entry = try graduates.library.add("merged") { try weights.write(to: $0, record: record) }
    say("   \(entry): regmean of math+code+qa, rank \(weights.rank), \(weights.parameterCount) parameters")
    return merged
  }
}

/// Seconds by stage.
struct Stages {
  private(set) var seconds: [String: Double] = [:]
  private var last = ContinuousClock.now

  mutating func finish(_ name: String) {
    let now = ContinuousClock.now
    seconds[name] = (now - last) / .seconds(1)
    last = now
  }
}
