import Foundation
import MotetAdapters
import MotetModels

extension RunConfiguration {
  /// What a comparison has otherwise than `motet train`: each method has its own place, and is trained alone on the base.
  private static let notCompared = [
    "name", "output", "method", "continue", "parent", "orthogonal-to", "orthogonal-strength", "teacher",
    "teacher-base", "temperature", "teacher-weight", "groups",
  ]

  /// The methods that a list between commas names; `all` is every one.
  /// - Throws: ``MethodError/unknown(_:near:)``
  public static func methods(_ list: String) throws -> [String] {
    var found: [String] = []
    for word in list.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) })
    where !word.isEmpty {
      let names = word == "all" ? AdapterMethods.names : [try AdapterMethods.named(word).name]
      found += names.filter { !found.contains($0) }
    }
    guard !found.isEmpty else { throw ComparisonError.nothing }
    return found
  }

  /// Refuses what says nothing in a comparison, before anything is read.
  /// - Throws: ``ComparisonError``, ``ConfigurationError``, ``MethodError``
  public func checkComparison(of methods: [String]) throws {
    let shared = try onlyAdapter()
    if let option = Self.notCompared.first(where: shared.given.contains) {
      throw ComparisonError.notCompared(option: option)
    }
    try shared.checkRows(
      of: "the comparison",
      withoutValidation: ComparisonError.needsValidation(job: methods.joined(separator: ", ")))
    let own = shared.given.filter { Self.belongsToMethods($0) }.sorted()
    for key in own where try !methods.contains(where: { try Self.heeds($0, key) }) {
      throw ComparisonError.optionOfNone(key, methods: methods)
    }
    for method in methods { _ = try adapter(of: method).makeMethod() }
  }

  /// A comparison of methods on the same rows. Each takes its own defaults; an option that some have counts for those.
  /// - Parameters:
  ///   - methods: of ``methods(_:)``
  ///   - plain: text of no domain
  ///   - folder: where the comparison is kept
  public func comparison(
    of methods: [String], on base: BaseModel, plain: any ExampleSource, folder: URL,
    onData: (DataProgress) -> Void = { _ in }
  ) throws -> Comparison {
    try checkComparison(of: methods)
    guard let shared = adapters.first else { throw ComparisonError.nothing }
    let (data, validation) = try shared.readData(for: base, onData: onData)
    let jobs = try methods.map { method -> TrainingJob in
      var one = self
      one.precision = PrecisionSetting(precision: base.precision)
      one.adapters = [adapter(of: method)]
      one.adapters[0].output = folder.appending(path: method).relativePath
      let options = one.adapters[0].options(tokensPerPass: tokensPerPass)
      one.adapters[0].lr = options.learningRate
      var job = TrainingJob(
        name: method, method: try one.adapters[0].makeMethod(), options: options, data: data,
        validation: validation)
      job.writesTensorBoard = shared.tensorboard
      job.attachments["run.yaml"] = Data(try one.yaml(ofAdapter: 0).utf8)
      return job
    }
    var comparison = Comparison(base, jobs: jobs, plain: plain, folder: folder)
    comparison.tokensPerPass = tokensPerPass
    comparison.checkpointsActivations = checkpointActivations
    comparison.checkpointSteps = checkpointEvery
    comparison.checkpointSeconds = checkpointMinutes == 0 ? nil : checkpointMinutes * 60
    return comparison
  }

  /// The shared settings as one method takes them.
  private func adapter(of method: String) -> AdapterConfiguration {
    var adapter = adapters[0]
    adapter.method = MethodSetting(name: method)
    adapter.given = adapter.given.filter {
      !Self.belongsToMethods($0) || ((try? Self.heeds(method, $0)) ?? false)
    }
    adapter.methodOptions = adapter.methodOptions.filter { adapter.given.contains($0.key) }
    return adapter
  }

  private static func belongsToMethods(_ key: String) -> Bool {
    SharedOption(rawValue: key) != nil || AdapterMethods.options.contains { $0.key == key }
  }

  private static func heeds(_ name: String, _ key: String) throws -> Bool {
    let method = try AdapterMethods.named(name)
    return method.sharedOptions.contains { $0.rawValue == key } || method.options.contains { $0.key == key }
  }
}

extension RunConfiguration {
  /// That which a command trains several times, each time otherwise.
  /// - Throws: ``ConfigurationError``
  func onlyAdapter() throws -> AdapterConfiguration {
    guard let only = adapters.first, adapters.count == 1 else {
      throw ConfigurationError.ofOneAdapter(key: "adapters")
    }
    return only
  }
}

extension AdapterConfiguration {
  /// Refuses to train several times what has no rows, or none to be judged by.
  /// - Throws: ``ConfigurationError``, or the error given
  func checkRows(of what: String, withoutValidation: any Error) throws {
    guard !data.isEmpty else { throw ConfigurationError.noData(adapter: what) }
    guard validation == nil || eval.isEmpty else { throw ConfigurationError.twoValidations(adapter: what) }
    guard validation != nil || !eval.isEmpty else { throw withoutValidation }
  }
}
