import MotetModels

/// The trained vectors of one site.
struct VeRAVectors: Sendable, Equatable {
  let site: String
  /// `[outputs]`
  var b: [Float]
  /// `[rank]`
  var d: [Float]
}

/// A VeRA adapter: what it shares, and what each site trains.
struct VeRAContent: Sendable, Equatable {
  var projections: VeRAProjections
  var vectors: [VeRAVectors]
  var key: UInt64
  var savesProjection: Bool

  init(projections: VeRAProjections, vectors: [VeRAVectors], key: UInt64, savesProjection: Bool) {
    self.projections = projections
    self.vectors = vectors
    self.key = key
    self.savesProjection = savesProjection
  }

  static let b = "vera_lambda_b"
  static let d = "vera_lambda_d"

  /// What ``methodContent()`` made, with the shared matrices drawn again where they were left out.
  /// - Throws: ``ModelError/adapterMisfit(adapter:base:reason:)`` when it is for other matrices
  init(_ content: MethodContent, on base: BaseModel) throws {
    func refuse(_ reason: String) -> ModelError {
      .adapterMisfit(adapter: "the vera adapter", base: base.name, reason: reason)
    }
    let names = content.tensors.keys.filter { $0.hasSuffix("." + Self.b) }
      .map { String($0.dropLast(Self.b.count + 1)) }
    let places = base.siteIndex
    var sites: [AdapterSite] = []
    for name in names {
      guard let index = places[name] else { throw refuse("it adapts \(name), which the base does not have") }
      sites.append(base.sites[index])
    }
    sites.sort { (places[$0.path] ?? 0) < (places[$1.path] ?? 0) }
    vectors = try sites.map { site in
      let b = content.tensors["\(site.path).\(Self.b)"]?.values ?? []
      guard b.count == site.outputs else {
        throw refuse("\(site.path) has \(site.outputs) outputs in the base and \(b.count) in the adapter")
      }
      return VeRAVectors(site: site.path, b: b, d: content.tensors["\(site.path).\(Self.d)"]?.values ?? [])
    }
    key = content.settings["projection-key"].flatMap { UInt64($0) } ?? 0
    savesProjection = content.settings["save-projection"] != "false"
    let rank = vectors.first?.d.count ?? 0
    let inputs = sites.map(\.inputs).max() ?? 0
    let outputs = sites.map(\.outputs).max() ?? 0
    guard let a = content.tensors["vera_A"], let b = content.tensors["vera_B"] else {
      projections = VeRAProjections(rank: rank, inputs: inputs, outputs: outputs, key: key)
      return
    }
    guard a.shape[1] >= inputs, b.shape[0] >= outputs else {
      throw refuse("its shared matrices are smaller than [\(outputs), \(inputs)]")
    }
    projections = VeRAProjections(
      rank: rank, inputs: a.shape[1], outputs: b.shape[0], loraA: a.values, loraB: b.values)
  }

  /// The low-rank factors of each site: A, and diag(b)·B·diag(d).
  func weights(for base: BaseModel, baseModel: String?) throws -> AdapterWeights {
    let places = base.siteIndex
    let rank = projections.rank
    var shared: [Int: [Float]] = [:]
    var updates: [String: LowRankWeights] = [:]
    for vectors in vectors {
      guard let index = places[vectors.site] else { continue }
      let site = base.sites[index]
      let loraA = shared[site.inputs] ?? projections.sliceA(site.inputs)
      shared[site.inputs] = loraA
      var loraB = Array(projections.sliceB(site.outputs))
      for row in 0..<site.outputs {
        for column in 0..<rank { loraB[row * rank + column] *= vectors.b[row] * vectors.d[column] }
      }
      updates[site.path] = try LowRankWeights(
        rank: rank, inputs: site.inputs, outputs: site.outputs, loraA: loraA, loraB: loraB, scale: 1,
        site: site.path)
    }
    return try AdapterWeights(sites: updates, baseModel: baseModel, content: methodContent())
  }

  func methodContent() throws -> MethodContent {
    var tensors: [String: HostTensor] = [:]
    for vectors in vectors {
      for (name, values) in [(Self.b, vectors.b), (Self.d, vectors.d)] {
        let name = "\(vectors.site).\(name)"
        tensors[name] = try HostTensor(shape: [values.count], values, named: name)
      }
    }
    if savesProjection {
      tensors["vera_A"] = try HostTensor(
        shape: [projections.rank, projections.inputs], projections.loraA, named: "vera_A")
      tensors["vera_B"] = try HostTensor(
        shape: [projections.outputs, projections.rank], projections.loraB, named: "vera_B")
    }
    return MethodContent(
      method: VeRA.name,
      settings: ["projection-key": "\(key)", "save-projection": "\(savesProjection)"], tensors: tensors,
      trained: vectors.reduce(0) { $0 + $1.b.count + $1.d.count })
  }
}
