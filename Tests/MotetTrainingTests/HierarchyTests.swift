import Foundation
import MotetAdapters
import MotetModels
import MotetTensor
import Testing

@testable import MotetTraining

/// Adapters that stand on others.
@Suite struct HierarchyTests {
  private func library(_ folder: TrainingFolder) -> AdapterLibrary {
    AdapterLibrary(root: folder.file("home/adapters"))
  }

  /// A parent in the library and a child on top of it, trained from a configuration.
  private func family(
    _ base: BaseModel, in folder: TrainingFolder
  ) async throws -> (parent: Adapter, child: TrainingResult) {
    let rows = try folder.write(
      (0..<8).map { "{\"prompt\": \"what is \($0)?\", \"response\": \"the answer is \($0)\"}" }
        .joined(separator: "\n"), to: "rows.jsonl")
    func train(_ flags: [String]) async throws -> TrainingResult {
      var configuration = RunConfiguration()
      try configuration.apply(
        flags: ["--data", rows, "--eval", rows, "--rank", "2", "--lr", "5e-3", "--epochs", "3"] + flags)
      let run = try configuration.run(on: base, library: library(folder), home: folder.file("home"))
      return try #require(try await run.train().first?.result)
    }
    _ = try await train(["--name", "domain"])
    let child = try await train(["--name", "customer", "--parent", "domain"])
    let parent = try Adapter.load(
      library(folder).resolve("domain").folder, name: "domain", for: base, library: library(folder))
    return (parent, child)
  }

  @Test func aChildIsTrainedAndLoadedWithItsParentBelowIt() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let (parent, trained) = try await family(base, in: folder)
    let entry = try library(folder).resolve("customer")
    #expect(try entry.record()?.standsOn?.name == "domain@1")
    let child = try Adapter.load(entry.folder, name: "customer", for: base, library: library(folder))
    #expect(child.chain.map(\.name) == ["customer", "domain@1"])
    // Its beginning is what the parent came to, and its end is what both say together.
    let rows = try Dataset(contentsOf: folder.file("rows.jsonl").path)
    let parentNLL = try await base.nll(of: rows.examples(for: base), mix: Mix(parent)).value
    let childNLL = try await base.nll(of: rows.examples(for: base), mix: Mix(child)).value
    #expect(abs(try #require(trained.evalBefore).value - parentNLL) < 1e-5)
    #expect(abs(try #require(trained.evalAfter).value - childNLL) < 1e-5)
    #expect(childNLL < parentNLL - 0.01)
    let both = Mix([(Adapter(name: "alone", weights: child.weights), 1), (parent, 1)])
    #expect(abs(try await base.nll(of: rows.examples(for: base), mix: both).value - childNLL) < 1e-5)
    #expect(Mix([(child, 0.5)]).expanded.terms.map(\.weight) == [0.5, 0.5])
  }

  @Test func aParentThatIsGoneOrAnotherIsSaid() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    _ = try await family(base, in: folder)
    let library = library(folder)
    let child = try library.resolve("customer").folder
    #expect(throws: LibraryError.carries("domain@1", child: "customer@1")) { try library.remove("domain") }
    let weights = try library.resolve("domain").folder.appending(path: "adapter_model.safetensors")
    let old = try Data(contentsOf: weights)
    try (old.dropLast() + [old[old.count - 1] ^ 1]).write(to: weights)
    #expect(throws: HierarchyError.changed(parent: "domain@1", child: "customer")) {
      try Adapter.load(child, name: "customer", for: base, library: library)
    }
    try library.remove("domain", force: true)
    let error = #expect(throws: HierarchyError.self) {
      try Adapter.load(child, name: "customer", for: base, library: library)
    }
    #expect(error?.description.hasPrefix("customer stands on domain@1, which is not there") == true)
  }

  @Test func anAdapterThatStandsOnItselfIsRefused() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let library = library(folder)
    let weights = try await TinyModel.job("a", TinyModel.data(2), on: base).freshWeights(on: base)
    try library.add("a") {
      try weights.write(
        to: $0, record: AdapterRecord(motet: "0", standsOn: AdapterRecord.Parent(name: "a")))
    }
    #expect(throws: HierarchyError.self) {
      try Adapter.load(library.resolve("a").folder, name: "a", for: base, library: library)
    }
  }
}
