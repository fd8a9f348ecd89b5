import Foundation
import MotetFormats
import MotetModels
import MotetTensor

extension PreparedAdapter {
  /// Reads a PEFT folder to answer with, without the adapter that it stands on.
  ///
  /// Low-rank factors go from the file into the form they are answered with one matrix after another: of what they are
  /// in f32, which takes several times as much, one matrix's are in memory at a time.
  /// - Parameters:
  ///   - below: the folder of the one that it stands on, whose weights have to be those it was trained on
  ///   - comparing: whether the files are compared with the hashes in `motet.json`; a caller that does so by
  ///     ``AdapterRecord/requireUnchanged(_:)`` while this reads need not wait twice
  /// - Throws: as ``Adapter/load(_:name:for:force:library:)``
  public static func read(
    _ folder: URL, name: String, for base: BaseModel, below: URL? = nil, comparing: Bool = true
  ) throws -> PreparedAdapter {
    var prepared: PreparedAdapter?
    if let form = base.adapterForm, try AdapterMethods.method(of: folder).name == LoRA.name {
      prepared = try WholeFolder.read(folder) {
        let record = try AdapterRecord.read(from: folder)
        try record?.requireUnchanged(below: below, under: name)
        let prepared = try factors(of: folder, name: name, for: base, record: record, as: form)
        if comparing { try record?.requireUnchanged(in: folder) }
        return prepared
      }
    }
    return try prepared
      ?? PreparedAdapter(
        try Adapter.loadAlone(folder, name: name, for: base, below: below, comparing: comparing), for: base)
  }

  /// nil for an adapter that changes the head, which low-rank factors of the layers' matrices do not hold.
  private static func factors(
    of folder: URL, name: String, for base: BaseModel, record: AdapterRecord?, as form: LowRankFactors.Form
  ) throws -> PreparedAdapter? {
    let fit = AdapterFit(name: name, base: base)
    try fit.check(record?.base)
    let file = try PEFTAdapterFile(folder)
    if file.paths.contains(AdapterWeights.head) { return nil }
    try fit.check(file.selection, present: Set(file.paths), isOurs: record != nil)
    _ = try fit.check(savedAlong: file.savedAlong)
    var shapes = [LowRankFactors.Shape?](repeating: nil, count: base.sites.count)
    let places = base.siteIndex
    for path in file.paths {
      let shape = try file.shape(of: path)
      try fit.check(path, inputs: shape.inputs, outputs: shape.outputs)
      if let site = places[path] { shapes[site] = shape }
    }
    let factors = try LowRankFactors(shapes, as: form) { site, values in
      try file.read(base.sites[site].path, into: values)
    }
    let ranks = shapes.compactMap { $0.map { Double($0.rank) } }
    return PreparedAdapter(
      [Layer(name: name, method: LoRA.self, content: .factors(factors))], method: LoRA.self,
      rank: AdapterWeights.mostFrequent(ranks).map(Int.init) ?? 0, name: name)
  }
}

extension PEFTAdapterFile {
  /// Reads one matrix's factors, in a form that bears rounding, and gives their scale.
  fileprivate func read(_ path: String, into values: LowRankFactors.Values) throws -> Float {
    try read(path, loraA: values.loraA, loraB: values.loraB)
    let scale = Float(try configuration.scale(at: path))
    guard scale.isFinite else { throw AdapterWeightsError.scaleNotFinite(site: path, scale: scale) }
    let (rank, inputs, outputs) = try shape(of: path)
    guard !values.bearRounding(rank: rank, inputs: inputs, outputs: outputs) else { return scale }
    let update = try LowRankWeights(
      rank: rank, inputs: inputs, outputs: outputs, loraA: Array(values.loraA), loraB: Array(values.loraB),
      scale: scale, site: path)
    return update.readyToRound(site: path).copy(to: values)
  }
}
