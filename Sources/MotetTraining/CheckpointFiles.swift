import Foundation
import MotetFormats
import MotetTensor

/// A run as a checkpoint holds it: `run.json` says what it is, and each adapter has its parameters and its optimizer's
/// state in `N.safetensors` and its steps so far in `N.json`.
///
/// The order of the rows and the dropout are drawn again from the seeds, so that only the number of the step is kept.
struct RunState {
  /// Which run it is: what a resumed one must share.
  struct Identity: Codable, Equatable {
    /// Counted up when a run would go on otherwise than it began.
    var format = 3
    /// The frozen bytes of the base in memory.
    var base: String
    var tokensPerPass: Int
    /// Threads may be others when the run goes on, and ``TrainingLoop`` says so; the vector level may not.
    var setup = ComputeSetup.current
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
}

extension RunState {
  static let headerFile = "run.json"

  private struct Header: Codable {
    var identity: Identity
    var step: Int
    var seconds: Double
    /// The adapters that others are continued from, by the names of those others.
    var parents: [String: String]?
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

  /// Writes the run and its adapters, from where their numbers lie.
  @Compute
  func write(_ learners: [Learner], to folder: URL) throws {
    for (number, learner) in learners.enumerated() {
      try SafetensorsWriter.write(
        Self.tensors(of: learner), to: folder.appending(path: "\(number).safetensors"))
      try Self.write(
        History(
          status: learner.status, goodStep: learner.goodStep, optimizerSteps: learner.optimizer?.steps ?? 0,
          events: learner.events, validations: learner.validations, evalBefore: learner.evalBefore,
          lastNLL: learner.lastNLL, bestNLL: learner.bestNLL), to: folder.appending(path: "\(number).json"))
    }
    let parents = learners.compactMap { learner in learner.job.parent.map { (learner.job.name, $0.name) } }
    try Self.write(
      Header(
        identity: identity, step: step, seconds: seconds,
        parents: Dictionary(parents, uniquingKeysWith: { $1 })), to: folder.appending(path: Self.headerFile))
  }

  /// - Throws: ``TrainingError/damaged(checkpoint:problem:)``
  init(contentsOf folder: URL) throws {
    let header: Header = try Self.read(folder.appending(path: Self.headerFile))
    self.init(identity: header.identity, step: header.step, seconds: header.seconds)
  }

  /// One adapter of the run, by its number.
  /// - Throws: ``TrainingError/damaged(checkpoint:problem:)``, or `FormatError` for its tensors
  static func learner(_ number: Int, in folder: URL) throws -> LearnerState {
    let history: History = try read(folder.appending(path: "\(number).json"))
    let file = try SafetensorsFile(contentsOf: folder.appending(path: "\(number).safetensors"))
    let best = try list("best", in: file)
    return LearnerState(
      status: history.status, goodStep: history.goodStep, events: history.events,
      validations: history.validations, evalBefore: history.evalBefore, lastNLL: history.lastNLL,
      bestNLL: history.bestNLL, parameters: try list("parameter", in: file),
      bestParameters: best.isEmpty ? nil : best,
      memory: try blobs("memory.", in: file).mapValues(floats),
      optimizer: OptimizerState(steps: history.optimizerSteps, blobs: try blobs("optimizer.", in: file)))
  }

  /// The parameters of one adapter alone.
  static func parameters(of name: String, in folder: URL) throws -> [Data]? {
    let header: Header = try read(folder.appending(path: Self.headerFile))
    guard let number = header.identity.jobs.firstIndex(where: { $0.name == name }) else { return nil }
    return try list(
      "parameter", in: SafetensorsFile(contentsOf: folder.appending(path: "\(number).safetensors")))
  }

  /// What each continued adapter goes on from, by name: `math@1`, whatever was added to the library since.
  static func parents(in folder: URL) throws -> [String: String] {
    let header: Header = try read(folder.appending(path: Self.headerFile))
    return header.parents ?? [:]
  }

  @Compute
  private static func tensors(of learner: Learner) -> [SafetensorsWriter.Tensor] {
    var tensors = learner.adapter.parameters.enumerated().map { index, parameter in
      SafetensorsWriter.Tensor(
        name: "parameter.\(index)", shape: [parameter.count], type: .f32,
        content: .bytes { emit in
          try emit(
            UnsafeRawBufferPointer(UnsafeBufferPointer(start: parameter.values.data, count: parameter.count)))
        })
    }
    func floats(_ name: String, _ data: Data) -> SafetensorsWriter.Tensor {
      .init(name: name, shape: [data.count / MemoryLayout<Float>.stride], type: .f32, data: data)
    }
    tensors += (learner.bestParameters ?? []).enumerated().map { floats("best.\($0)", $1) }
    tensors += learner.adapter.memory.map { name, values in
      floats("memory.\(name)", values.withUnsafeBytes { Data($0) })
    }
    tensors += (learner.optimizer?.arrays ?? []).map { array in
      .init(
        name: "optimizer.\(array.name)", shape: [array.bytes], type: .u8,
        content: .bytes { emit in try array.lend(emit) })
    }
    return tensors
  }

  private static func floats(_ data: Data) -> [Float] {
    [Float](unsafeUninitializedCapacity: data.count / MemoryLayout<Float>.stride) { buffer, count in
      count = data.copyBytes(to: buffer) / MemoryLayout<Float>.stride
    }
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

extension Checkpoints {
  /// For a run that goes on, what each continued adapter began with; none when it begins.
  func resumedParents() throws -> [String: String] {
    guard case .resume = start, let newest = newest() else { return [:] }
    return try RunState.parents(in: newest.folder)
  }
}

extension RunState.Identity {
  /// What another run has otherwise, in words; empty when it is the same.
  func differences(from now: RunState.Identity) -> [String] {
    var found: [String] = []
    if format != now.format { found.append("it was written by another version of motet") }
    // The base lies in memory as the vector level wants it, so its fingerprint differs with the level too.
    if setup.vectorLevel != now.setup.vectorLevel {
      found.append("the vector level was \(setup.vectorLevel) and is \(now.setup.vectorLevel)")
    } else if base != now.base {
      found.append("the base, or its precision, is another")
    }
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
      found += settingDifferences(old.settings, new.settings).map { "\(old.name): \($0)" }
    }
    return found
  }
}

/// What some settings were and others are, in words: `lr was 0.001 and is 0.002`.
func settingDifferences(_ then: [String: String], _ now: [String: String]) -> [String] {
  func brief(_ value: String?) -> String {
    guard let value else { return "not set" }
    return value.count > 40 ? "\(value.prefix(40))…" : value
  }
  return Set(then.keys).union(now.keys).sorted().filter { then[$0] != now[$0] }.map { key in
    "\(key) was \(brief(then[key])) and is \(brief(now[key]))"
  }
}
