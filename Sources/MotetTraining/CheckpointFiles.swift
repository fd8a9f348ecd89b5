import Foundation
import MotetFormats

/// A run as a checkpoint holds it: `run.json` says what it is, and each adapter has its parameters and its optimizer's
/// state in `N.safetensors` and its steps so far in `N.json`.
///
/// The order of the rows and the dropout are drawn again from the seeds, so that only the number of the step is kept.
struct RunState {
  /// Which run it is: what a resumed one must share.
  struct Identity: Codable, Equatable {
    var format = 1
    /// The frozen bytes of the base in memory.
    var base: String
    var tokensPerPass: Int
    /// Settings and digests of each adapter, by name.
    var jobs: [Job]

    struct Job: Codable, Equatable {
      var name: String
      var settings: [String: String]
    }
  }

  var identity: Identity
  var step: Int
  /// Of the steps so far.
  var seconds: Double
  var learners: [LearnerState]
}

extension RunState {
  private struct Header: Codable {
    var identity: Identity
    var step: Int
    var seconds: Double
  }

  private struct History: Codable {
    var status: Learner.Status
    var goodStep: Int?
    var optimizerSteps: Int
    var events: [TrainingEvent]
    var validations: [ValidationEvent]
    var evalBefore: NLL?
    var lastNLL: NLL?
    var bestNLL: NLL?
  }

  func write(to folder: URL) throws {
    for (number, learner) in learners.enumerated() {
      try SafetensorsWriter.write(
        Self.tensors(of: learner), to: folder.appending(path: "\(number).safetensors"))
      try Self.write(
        History(
          status: learner.status, goodStep: learner.goodStep, optimizerSteps: learner.optimizer.steps,
          events: learner.events,
          validations: learner.validations, evalBefore: learner.evalBefore, lastNLL: learner.lastNLL,
          bestNLL: learner.bestNLL), to: folder.appending(path: "\(number).json"))
    }
    try Self.write(
      Header(identity: identity, step: step, seconds: seconds), to: folder.appending(path: "run.json"))
  }

  /// - Throws: ``TrainingError/damaged(checkpoint:problem:)``, or `FormatError` for its tensors
  init(contentsOf folder: URL) throws {
    let header: Header = try Self.read(folder.appending(path: "run.json"))
    identity = header.identity
    step = header.step
    seconds = header.seconds
    learners = try header.identity.jobs.indices.map { number in
      let history: History = try Self.read(folder.appending(path: "\(number).json"))
      let file = try SafetensorsFile(contentsOf: folder.appending(path: "\(number).safetensors"))
      let best = try Self.list("best", in: file)
      return LearnerState(
        status: history.status, goodStep: history.goodStep, events: history.events,
        validations: history.validations,
        evalBefore: history.evalBefore, lastNLL: history.lastNLL, bestNLL: history.bestNLL,
        parameters: try Self.list("parameter", in: file), bestParameters: best.isEmpty ? nil : best,
        optimizer: OptimizerState(
          steps: history.optimizerSteps, blobs: try Self.blobs("optimizer.", in: file)))
    }
  }

  /// The parameters of one adapter alone.
  static func parameters(of name: String, in folder: URL) throws -> [Data]? {
    let header: Header = try read(folder.appending(path: "run.json"))
    guard let number = header.identity.jobs.firstIndex(where: { $0.name == name }) else { return nil }
    return try list(
      "parameter", in: SafetensorsFile(contentsOf: folder.appending(path: "\(number).safetensors")))
  }

  private static func tensors(of learner: LearnerState) -> [SafetensorsWriter.Tensor] {
    func floats(_ name: String, _ data: Data) -> SafetensorsWriter.Tensor {
      .init(name: name, shape: [data.count / MemoryLayout<Float>.stride], type: .f32, data: data)
    }
    var tensors = learner.parameters.enumerated().map { floats("parameter.\($0)", $1) }
    tensors += (learner.bestParameters ?? []).enumerated().map { floats("best.\($0)", $1) }
    tensors += learner.optimizer.blobs.map {
      .init(name: "optimizer.\($0.key)", shape: [$0.value.count], type: .u8, data: $0.value)
    }
    return tensors
  }

  private static func list(_ name: String, in file: SafetensorsFile) throws -> [Data] {
    var list: [Data] = []
    while file.contains("\(name).\(list.count)") {
      list.append(try file.tensor("\(name).\(list.count)").withBytes { Data($0) })
    }
    return list
  }

  private static func blobs(_ prefix: String, in file: SafetensorsFile) throws -> [String: Data] {
    var blobs: [String: Data] = [:]
    for name in file.names where name.hasPrefix(prefix) {
      blobs[String(name.dropFirst(prefix.count))] = try file.tensor(name).withBytes { Data($0) }
    }
    return blobs
  }

  private static func write(_ value: some Encodable, to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    try AtomicFile.write(try encoder.encode(value), to: url)
  }

  private static func read<T: Decodable>(_ url: URL) throws -> T {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do { return try decoder.decode(T.self, from: Data(contentsOf: url)) } catch {
      throw TrainingError.damaged(checkpoint: url.path, problem: "it cannot be read")
    }
  }
}

extension RunState.Identity {
  /// What another run has otherwise, in words; empty when it is the same.
  func differences(from now: RunState.Identity) -> [String] {
    var found: [String] = []
    if format != now.format { found.append("it was written by another version of motet") }
    if base != now.base { found.append("the base, or its precision, is another") }
    if tokensPerPass != now.tokensPerPass {
      found.append("tokens-per-pass was \(tokensPerPass) and is \(now.tokensPerPass)")
    }
    let (then, names) = (jobs.map(\.name), now.jobs.map(\.name))
    guard then == names else {
      return found + [
        "the adapters were \(then.joined(separator: ", ")) and are \(names.joined(separator: ", "))"
      ]
    }
    for (old, new) in zip(jobs, now.jobs) {
      for key in Set(old.settings.keys).union(new.settings.keys).sorted()
      where old.settings[key] != new.settings[key] {
        found.append(
          "\(old.name): \(key) was \(Self.brief(old.settings[key])) and is \(Self.brief(new.settings[key]))")
      }
    }
    return found
  }

  private static func brief(_ value: String?) -> String {
    guard let value else { return "not set" }
    return value.count > 40 ? "\(value.prefix(40))…" : value
  }
}
