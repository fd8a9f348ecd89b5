import Foundation
import MotetModels
import MotetTensor
import MotetTraining
import Testing

@testable import MotetAdapters

@Suite struct VeRATests {
  @Test func theSharedMatricesAreThosePyTorchDraws() throws {
    let file = try MethodFixture.file("vera")
    let (a, b) = (try file.tensor("vera_A"), try file.tensor("vera_B"))
    let drawn = VeRAProjections(rank: 6, inputs: a.shape[1], outputs: b.shape[0], key: 11)
    let isSame = try drawn.loraA == a.floats() && drawn.loraB == b.floats()
    #expect(isSame && drawn.loraA.count == 6 * 96 && drawn.loraB.count == 96 * 6)
  }

  @Test(arguments: ["vera", "vera-bare"])
  @Compute func aStepIsThatOfPEFT(name: String) async throws {
    let base = try await TinyModel.load()
    let file = try MethodFixture.file("vera")
    let losses = try file.tensor("loss").floats()
    let adapter = try Adapter.load(MethodFixture.peft(name), for: base)
    #expect(abs(try await base.fixtureLoss(Mix(adapter)) - Double(losses[0])) < 1e-4)
    let method = VeRA(LoRA(rank: 6))
    let steps = try FixtureSteps(try method.continue(adapter.weights, on: base), on: base)
    #expect(abs(try steps.take(0, of: 2) - Double(losses[0])) < 1e-4)
    let after = try #require(try steps.adapter.weights().content).tensors
    var compared = 0
    for tensor in file.names where tensor.hasPrefix("step1.") {
      let values = try #require(after[String(tensor.dropFirst("step1.".count))]).values
      #expect(largestDifference(values, try file.tensor(tensor).floats()) < 1e-4, "\(tensor)")
      compared += 1
    }
    #expect(compared == 14)
    #expect(abs(try steps.take(1, of: 2) - Double(losses[1])) < 1e-4)
  }

  @Test(arguments: [true, false])
  @Compute func itsFilesAreReadAgain(savesProjection: Bool) async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let method = VeRA(LoRA(rank: 5, layers: 1...1), key: 3, savesProjection: savesProjection)
    let result = try await Trainer(
      base, method: method, options: TrainingOptions(epochs: 2, batchRows: 4, learningRate: 2e-2)
    ).train(on: TinyModel.data(12), evaluation: TinyModel.data(12))
    let trained = result.adapter.weights
    try trained.write(to: folder.url)
    let isSame = try Adapter.load(folder.url, for: base).weights == trained
    #expect(isSame)
    let bare = try AdapterWeights(peft: folder.url)
    #expect(bare.sites.isEmpty && bare.method.name == "vera")
    #expect(bare.parameterCount == trained.parameterCount)
    // Vectors alone, or with [5, 96] and [96, 5] beside them.
    let size =
      try FileManager.default.attributesOfItem(
        atPath: folder.file("adapter_model.safetensors").path)[.size] as? Int
    #expect(((size ?? 0) > 4 * (trained.parameterCount + 2 * 5 * 64)) == savesProjection)
    #expect(try #require(result.evalAfter).value < #require(result.evalBefore).value - 0.02)
  }

  @Test @Compute func itBlendsMergesAndFusesAsTheLowRankUpdateItIs() async throws {
    let base = try await TinyModel.load()
    let vera = try Adapter.load(MethodFixture.peft("vera"), for: base)
    let plain = try Adapter.load(TinyModel.adapter, for: base)
    let merged = try SVDMerge().merge([(vera.weights, 0.5), (plain.weights, 0.5)], rank: 10)
    let mix = try await base.fixtureLoss([vera: 0.5, plain: 0.5])
    #expect(abs(mix - (try await base.fixtureLoss(Mix(Adapter(name: "m", weights: merged))))) < 1e-4)
    #expect(abs(mix - (try await base.fixtureLoss(Mix(plain)))) > 1e-3)
  }

  @Test func aFolderOfItGoesOnWithoutTheMethodBeingNamed() async throws {
    let base = try await TinyModel.load()
    let folder = try TrainingFolder()
    let rows = try folder.write("{\"prompt\": \"what is 1?\", \"response\": \"it is 2\"}\n", to: "rows.jsonl")
    var configuration = RunConfiguration()
    try configuration.apply(flags: [
      "--data", rows, "--continue", MethodFixture.peft("vera").path, "--output", folder.file("out").path,
    ])
    let job = try configuration.run(on: base).jobs[0]
    #expect(type(of: job.method).name == "vera" && job.options.learningRate == VeRA.learningRate)
    #expect(job.start?.content?.method == "vera")
    try configuration.apply(flags: ["--method", "sora"])
    let other = try configuration.run(on: base)
    await #expect(throws: MethodError.self) { try await other.validate() }
  }

  @Test @Compute func itTrainsTwoVectorsASiteAndRefusesWhatCannotBe() async throws {
    let base = try await TinyModel.load()
    let adapter = try VeRA(LoRA(rank: 100)).begin(on: base, seed: 0)
    #expect(adapter.parameterCount == base.sites.reduce(0) { $0 + 100 + $1.outputs })
    let lora = try AdapterWeights(peft: TinyModel.adapter)
    #expect(throws: MethodError.self) { try VeRA(LoRA(rank: 4)).continue(lora, on: base) }
    #expect(throws: LoRAError.self) { try VeRA(LoRA(rank: 0)).begin(on: base, seed: 0) }
    #expect(throws: MethodError.self) { try MethodSettings(given: [.alpha]).make(VeRA.self) }
    let folder = try TrainingFolder()
    let peft = MethodFixture.peft("vera-bare")
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
      try FileManager.default.copyItem(at: peft.appending(path: name), to: folder.file(name))
    }
    let place = folder.file("adapter_config.json")
    let text = try String(contentsOf: place, encoding: .utf8)
    // The matrices are said to be there and are not.
    try Data(text.replacing("\"save_projection\": false", with: "\"save_projection\": true").utf8).write(
      to: place)
    let error = #expect(throws: (any Error).self) { try AdapterWeights(peft: folder.url) }
    #expect(error.map { "\($0)".contains("vera_A") && "\($0)".contains("missing") } == true)
  }
}
