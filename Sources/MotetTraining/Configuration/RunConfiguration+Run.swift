import Foundation
import MotetAdapters
import MotetFormats
import MotetModels

extension RunConfiguration {
  /// Refuses what is missing or contradicts itself, before any file is read.
  /// - Throws: ``ConfigurationError``, ``TrainingError``
  public func check() throws {
    for adapter in adapters {
      let name = name(of: adapter)
      guard name != nil else { throw ConfigurationError.noPlace }
      let known = name ?? "adapter"
      guard !adapter.data.isEmpty else { throw ConfigurationError.noData(adapter: known) }
      _ = try RowColumns(joining: adapter.columns)
      if adapter.continued == nil || adapter.given.contains("method") { _ = try adapter.makeMethod() }
      for (keys, others) in AdapterConfiguration.dependent {
        guard adapter.given.isDisjoint(with: others) else { continue }
        if let key = keys.first(where: adapter.given.contains) {
          throw ConfigurationError.sayNothingAlone(key: key, others: others, adapter: known)
        }
      }
      if adapter.validation != nil, !adapter.eval.isEmpty {
        throw ConfigurationError.twoValidations(adapter: known)
      }
      if adapter.groups != nil, adapter.validation == nil, adapter.eval.isEmpty {
        throw TrainingError.needsValidation(option: "groups", job: known)
      }
      if let continued = adapter.continued {
        if case .folder(let path) = try AdapterReference(parsing: continued),
          let output = output(of: adapter),
          try OutputPath.resolved(path) == OutputPath.resolved(output.path)
        {
          throw ConfigurationError.replacesWhatItContinues(folder: path, adapter: known)
        }
        for key in AdapterConfiguration.fixedByContinue where adapter.given.contains(key) {
          throw ConfigurationError.fixedByContinue(key: key, adapter: known)
        }
      }
      if !hasFolder(adapter), let name { _ = try AdapterName(name) }
      if adapter.output == nil, let name,
        name.split(separator: "/").contains(where: { [".", ".."].contains($0) })
      {
        throw LibraryError.invalidName(name: name, problem: "its folder would lie elsewhere")
      }
    }
  }

  /// Reads the data and makes the run.
  /// - Parameters:
  ///   - home: runs of adapters that go to the library are kept in its `runs` folder while they go
  ///   - teacherBases: the bases of teachers by the names they are called by, see ``teacherBases``
  ///   - onData: told how far the reading of an adapter's rows is
  /// - Throws: ``ConfigurationError``, ``TrainingError``, ``DatasetError``, or what is wrong with an adapter to continue
  public func run(
    on base: BaseModel, library: AdapterLibrary = AdapterLibrary(), home: URL = ModelStore.home(),
    start: Checkpoints.Start = .fresh, teacherBases: [String: BaseModel] = [:],
    onData: (String, DataProgress) -> Void = { _, _ in }
  ) throws -> TrainingRun {
    try check()
    let folder = runFolder(home)
    // What was in force, not what was left open.
    var effective = self
    effective.precision = PrecisionSetting(precision: base.precision)
    var replaces = false
    if case .overwrite = start { replaces = true }
    let checkpoints =
      checkpointMinutes == 0 && checkpointEvery == nil
      ? nil
      : Checkpoints(
        folder: folder.appending(path: "checkpoints"), everySteps: checkpointEvery,
        everySeconds: checkpointMinutes == 0 ? nil : checkpointMinutes * 60, start: start)
    let parents = try checkpoints?.resumedParents() ?? [:]
    let jobs = try adapters.indices.map { index -> TrainingJob in
      let name = name(of: adapters[index]) ?? "adapter"
      if let continued = adapters[index].continued {
        let exact = try exactName(of: continued, in: library, resumed: parents[name])
        effective.adapters[index].continued = exact
        if !adapters[index].given.contains("method") {
          let folder = try AdapterReference(parsing: exact).folder(in: library)
          effective.adapters[index].method.name = try AdapterMethods.method(of: folder).name
        }
      }
      if let parent = adapters[index].parent {
        effective.adapters[index].parent = try exactName(of: parent, in: library, resumed: nil)
      }
      let adapter = effective.adapters[index]
      effective.adapters[index].lr = adapter.lr ?? adapter.method.method.learningRate
      var job = try job(of: effective.adapters[index], name: name, on: base, library: library) {
        onData(name, $0)
      }
      try guide(
        &job, by: effective.adapters[index], on: base, library: library, teacherBases: teacherBases)
      if let output = output(of: adapter) {
        job.destination = .folder(output, replaces: replaces)
      } else {
        job.destination = .library(library)
        job.logFolder = folder.appending(path: name)
      }
      job.attachments["run.yaml"] = Data(try effective.yaml(ofAdapter: index).utf8)
      return job
    }
    var run = TrainingRun(base, jobs: jobs, tokensPerPass: tokensPerPass, checkpoints: checkpoints)
    run.checkpointsActivations = checkpointActivations
    if jobs.count > 1, parent != nil, adapters.allSatisfy({ output(of: $0)?.standardizedFileURL != folder }) {
      run.report = folder.appending(path: "report.html")
    }
    return run
  }

  /// The version that an adapter's name means now: `math@1` for `math`. A run that goes on takes the one it began
  /// with, whatever was added since, by itself before it was killed too.
  private func exactName(
    of text: String, in library: AdapterLibrary, resumed: String?
  ) throws -> String {
    guard case .library(let name) = try AdapterReference(parsing: text), name.version == nil else {
      return text
    }
    if let resumed, case .library(let then)? = try? AdapterReference(parsing: resumed), then.name == name.name
    {
      return resumed
    }
    return try library.resolve(name).description
  }

  private func job(
    of adapter: AdapterConfiguration, name: String, on base: BaseModel, library: AdapterLibrary,
    onData: (DataProgress) -> Void
  ) throws -> TrainingJob {
    let options = adapter.options(tokensPerPass: tokensPerPass)
    try options.validate()
    let (data, validation) = try adapter.readData(for: base, onData: onData)
    var job = TrainingJob(
      name: name, method: try adapter.makeMethod(), options: options, data: data, validation: validation)
    job.writesTensorBoard = adapter.tensorboard
    if let continued = adapter.continued {
      let folder = try AdapterReference(parsing: continued).folder(in: library)
      let old = try Adapter.load(folder, name: continued, for: base)
      job.start = old.weights
      job.parent = AdapterRecord.Parent(name: continued, weightsHash: try AdapterRecord.hash(of: folder))
    }
    return job
  }

  /// The adapter below it, those it is kept apart from, and its teacher.
  private func guide(
    _ job: inout TrainingJob, by adapter: AdapterConfiguration, on base: BaseModel, library: AdapterLibrary,
    teacherBases: [String: BaseModel]
  ) throws {
    func load(_ name: String) throws -> (adapter: Adapter, folder: URL) {
      let folder = try AdapterReference(parsing: name).folder(in: library)
      return (try Adapter.load(folder, name: name, for: base, library: library), folder)
    }
    if let parent = adapter.parent {
      let (below, folder) = try load(parent)
      var name = parent
      if case .folder = try AdapterReference(parsing: parent) { name = folder.standardizedFileURL.path }
      job.standsOn = below
      job.standsOnRecord = AdapterRecord.Parent(name: name, weightsHash: try AdapterRecord.hash(of: folder))
    }
    if !adapter.orthogonalTo.isEmpty {
      let names = adapter.orthogonalTo.flatMap { $0.split(separator: ",").map(String.init) }
      job.orthogonal = .init(try names.map { try load($0).adapter }, strength: adapter.orthogonalStrength)
    }
    guard adapter.teacher != nil || adapter.teacherBase != nil else { return }
    let teacher = adapter.teacherBase.flatMap { teacherBases[$0] } ?? base
    let mix = try MixSpecification(parsing: adapter.teacher ?? "base").load(for: teacher, from: library)
    job.teacher = Teacher(
      teacher, mix: mix, temperature: adapter.temperature, weight: adapter.teacherWeight)
  }

  /// The bases that teachers stand on, beside the run's own: to be loaded before the run is made.
  public var teacherBases: [String] { Set(adapters.compactMap(\.teacherBase)).sorted() }

  // MARK: Names and places

  private func hasFolder(_ adapter: AdapterConfiguration) -> Bool { adapter.output != nil || parent != nil }

  /// Its name, or that of its folder.
  private func name(of adapter: AdapterConfiguration) -> String? {
    adapter.name ?? adapter.output.map { URL(filePath: $0).lastPathComponent }
  }

  /// The folder it is written to; nil for the library.
  private func output(of adapter: AdapterConfiguration) -> URL? {
    if let output = adapter.output { return URL(filePath: output) }
    guard let parent, let name = adapter.name else { return nil }
    return URL(filePath: parent).appending(path: name)
  }

  /// Where the run is kept while it goes: the output, or a folder of the adapters' names under `runs`.
  private func runFolder(_ home: URL) -> URL {
    if let parent { return URL(filePath: parent) }
    if adapters.count == 1, let output = adapters[0].output { return URL(filePath: output) }
    let names = adapters.compactMap { name(of: $0) }.joined(separator: "+")
    let brief = names.utf8.count <= 120 ? names : "\(names.prefix(60))-and-more-\(adapters.count)"
    return home.appending(path: "runs").appending(path: brief)
  }
}

extension AdapterConfiguration {
  /// The rows to train on, cut to ``maxLength``, and those to validate with, which are not: their NLL is what
  /// `motet evaluate` finds for the same file.
  /// - Throws: ``DatasetError``
  func readData(
    for base: BaseModel, onData: (DataProgress) -> Void
  ) throws -> (training: TrainingData, validation: TrainingData?) {
    let columns = try RowColumns(joining: columns)
    func read(_ files: [WeightedFile], cutTo length: Int?) throws -> TrainingData {
      try TrainingData(
        files: files, base: base, maximumLength: length, columns: columns, groupField: groups,
        dropsBadRows: dropBadRows,
        onProgress: onData)
    }
    let all = try read(data, cutTo: maxLength)
    guard let validation else {
      try all.checkWeights()
      return (all, eval.isEmpty ? nil : try read(eval.map { WeightedFile($0) }, cutTo: nil))
    }
    let parts = try all.split(validation: validation, seed: seed)
    try parts.training.checkWeights()
    let virtualTokens = continued == nil ? try makeMethod().virtualTokens : 0
    return (parts.training, try parts.validation.uncut(virtualTokens: virtualTokens))
  }
}
