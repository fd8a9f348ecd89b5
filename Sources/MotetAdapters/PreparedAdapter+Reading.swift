import Foundation
import MotetFormats
import MotetModels
import MotetTensor

extension PreparedAdapter {
  /// Reads a PEFT folder to answer with, without the adapter that it stands on.
  ///
  /// Low-rank factors go from the file into the form they are answered with one matrix after another: of what they are
  /// in f32, which takes several times as much, one matrix's are in memory at a time.
  /// - Parameter below: the folder of the one that it stands on, whose weights have to be those it was trained on
  /// - Throws: as ``Adapter/load(_:name:for:force:library:)``
  public static func read(
    _ folder: URL, name: String, for base: BaseModel, below: URL? = nil
  ) throws -> PreparedAdapter {
    guard let form = base.adapterForm, try AdapterMethods.method(of: folder).name == LoRA.name else {
      return PreparedAdapter(
        try Adapter.loadAlone(folder, name: name, for: base, below: below), for: base)
    }
    let record = try AdapterRecord.read(from: folder)
    try record?.requireUnchanged(below: below, under: name)
    let fit = AdapterFit(name: name, base: base)
    try fit.check(record?.base)
    let file = try PEFTAdapterFile(folder)
    var shapes: [String: LowRankFactors.Shape] = [:]
    for path in file.paths {
      let (rank, inputs, outputs) = try file.shape(of: path)
      try fit.check(path, inputs: inputs, outputs: outputs)
      shapes[path] = (rank, inputs, outputs)
    }
    let changed = base.sites.indices.filter { shapes[base.sites[$0].path] != nil }
    var sites = [BoundMix.ForwardFactors?](repeating: nil, count: base.sites.count)
    var scales: [Float] = []
    let packed = try LowRankFactors.packed(changed.compactMap { shapes[base.sites[$0].path] }, as: form) {
      let update = try LowRankWeights(file, at: base.sites[changed[$0]].path)
      scales.append(update.scale)
      return LowRankFactors.Source(update)
    }
    for (site, (factors, scale)) in zip(changed, zip(packed, scales)) {
      sites[site] = BoundMix.ForwardFactors(factors: factors, scale: scale)
    }
    return PreparedAdapter(
      [Layer(name: name, method: LoRA.self, content: .factors(sites))], method: LoRA.self,
      rank: AdapterWeights.mostFrequent(shapes.values.map { Double($0.rank) }).map(Int.init) ?? 0, name: name)
  }
}

extension LowRankWeights {
  /// One matrix's of a file, in factors that bear rounding.
  fileprivate init(_ file: PEFTAdapterFile, at path: String) throws {
    let site = try file.site(path)
    self = try LowRankWeights(
      rank: site.rank, inputs: site.in, outputs: site.out, loraA: site.loraA, loraB: site.loraB,
      scale: Float(file.configuration.scale(at: path)), site: path
    ).readyToRound(site: path)
  }
}
