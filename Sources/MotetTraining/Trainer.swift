import Foundation
import MotetAdapters
import MotetModels
import MotetTensor

/// Trains one adapter on a frozen base.
///
///     let math = try await Trainer(base, method: LoRA(rank: 16))
///       .train(on: Dataset(contentsOf: "math.jsonl"), name: "math") { event in print(event) }
///
/// It is a ``TrainingRun`` of one job, for who has one.
public struct Trainer: Sendable {
  public let base: BaseModel
  public let method: any AdapterMethod
  public let options: TrainingOptions

  /// - Parameter options: nil takes the standard ones with the method's learning rate
  public init(
    _ base: BaseModel, method: any AdapterMethod = LoRA(), options: TrainingOptions? = nil
  ) {
    self.base = base
    self.method = method
    self.options = options ?? TrainingOptions(learningRate: type(of: method).learningRate)
  }

  /// Trains on `data`. A cancelled task stops after the step under way and returns what was learnt.
  /// - Parameters:
  ///   - name: what the adapter is called
  ///   - start: weights to go on from, in place of fresh ones
  ///   - evaluation: rows whose NLL is taken before and after; they are not cut to the options' maximum length
  /// - Throws: ``TrainingError``, ``LoRAError`` or ``DatasetError`` before any step; ``TrainingError/diverged(step:)``
  @Compute
  public func train(
    on data: Dataset, name: String = "adapter", from start: AdapterWeights? = nil,
    evaluation: Dataset? = nil, onEvent: @Compute (TrainingEvent) -> Void = { _ in }
  ) async throws -> TrainingResult {
    let run = try run(on: data, name: name, from: start, evaluation: evaluation)
    let outcome = try await run.train { if case .step(let event) = $0 { onEvent(event) } }.first
    if case .diverged(let step)? = outcome?.ending { throw TrainingError.diverged(step: step) }
    guard let result = outcome?.result else { throw TrainingError.noJobs }
    return result
  }

  /// The run that ``train(on:name:from:evaluation:onEvent:)`` makes, to be followed by its events and saved as it ends.
  ///
  ///     for try await event in try trainer.run(on: rows, name: "math", to: .folder(folder)).events() { … }
  /// - Parameters:
  ///   - destination: where the adapter goes; nil keeps it in memory
  ///   - checkpoints: where the run is kept while it goes; nil for nowhere
  /// - Throws: ``TrainingError`` for an option, ``DatasetError`` for a row
  public func run(
    on data: Dataset, name: String = "adapter", from start: AdapterWeights? = nil,
    evaluation: Dataset? = nil, to destination: TrainingJob.Destination? = nil,
    checkpoints: Checkpoints? = nil
  ) throws -> TrainingRun {
    try options.validate()
    let job = TrainingJob(
      name: name, method: method, options: options,
      data: try data.source(for: base, maximumLength: options.maximumLength),
      validation: try evaluation?.source(for: base), start: start,
      destination: destination)
    return TrainingRun(base, jobs: [job], checkpoints: checkpoints)
  }
}

extension Dataset {
  /// The rows as token sequences, all in memory.
  /// - Throws: ``DatasetError``
  public func source(for base: BaseModel, maximumLength: Int? = nil) throws -> ExampleList {
    ExampleList(try examples(for: base, maximumLength: maximumLength), digest: digest)
  }
}
